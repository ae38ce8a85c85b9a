"""Every way in which sharing memory is known to go wrong, and the tests that would show it.

Each of these tests would crash, read freed memory or see a wrong number in a naive implementation.
"""

from __future__ import annotations

import importlib
import inspect

import pytest

from repository import ROOT

HAZARDS: dict[str, list[str]] = {
    "a tensor is resized, or its storage emptied, under a live view": [
        "test_hazards.test_a_shared_storage_cannot_be_resized",
        "test_hazards.test_every_dtype_is_pinned",
    ],
    "a tensor is re-pointed by set_ or .data = under a live view": [
        "test_hazards.test_a_tensor_that_lets_go_leaves_the_block_alive"
    ],
    "a module changes its parameters' dtype under a live view": [
        "test_hazards.test_a_module_may_change_its_parameters"
    ],
    "a resize_ that was refused leaves a wrong shape on the tensor": [
        "test_hazards.test_a_tensor_larger_than_its_storage_is_refused"
    ],
    "share_memory_ moves the block": ["test_hazards.test_share_memory_leaves_the_alias_and_can_be_seen"],
    "a bytearray or array.array grows under a live view": ["test_locks.test_a_shared_buffer_is_locked"],
    "a mmap or SharedMemory is closed under a live view": [
        "test_locks.test_a_shared_buffer_is_locked",
        "test_locks.test_shared_memory_cannot_be_closed",
        "test_locks.test_arrays_over_shared_memory_and_files_lock_them",
    ],
    "an ndarray is resized under a live view": ["test_locks.test_a_shared_array_cannot_be_resized"],
    "a negated or conjugated tensor gives the values in memory, not its own": [
        "test_unshareable.test_tensor",
        "test_to_numpy.test_tensors_whose_memory_is_not_their_values_are_refused",
        "test_to_numpy.test_copy_has_the_values_of_the_tensor",
    ],
    "a tensor that requires grad is silently detached": [
        "test_unshareable.test_tensor",
        "test_torch_modes.test_what_requires_grad_is_refused_in_every_mode",
        "test_torch_modes.test_saved_for_backward_then_written_through_an_alias",
    ],
    "a tensor without memory is exported as NULL, without an error": [
        "test_unshareable.test_tensor",
        "test_unshareable.test_distributed_tensors",
        "test_torch_modes.test_transforms",
        "test_torch_modes.test_a_subclass_of_two_tensors_is_refused",
    ],
    "negative strides end the process inside torch": [
        "test_to_torch.test_what_torch_cannot_take_is_refused",
        "test_to_torch.test_negative_strides_through_dlpack_are_refused",
        "test_round_trips.test_any_layout_aliases_or_is_refused",
    ],
    "misaligned elements reach loops compiled for aligned ones": [
        "test_hostile_dlpack.test_misaligned_elements_do_not_leave_for_compiled_loops"
    ],
    "a copy is made instead, because of alignment to 64 bytes": [
        "test_view_capsule.test_the_address_is_handed_on_as_it_is"
    ],
    "read-only or immutable memory is written through an alias": [
        "test_to_torch.test_readonly_memory_is_refused",
        "test_to_numpy.test_readonly_stays_readonly",
        "test_view_capsule.test_readonly_needs_a_version",
        "test_round_trips.test_any_layout_aliases_or_is_refused",
    ],
    "the producer is freed first, or the view": [
        "test_lifetime.test_every_order",
        "test_lifetime.test_the_owner_goes_first_and_for_good",
        "test_hazards.test_an_alias_keeps_a_tensor_alive",
    ],
    "memory is freed on another thread, or without the GIL": [
        "test_lifetime.test_every_order_on_other_threads",
        "test_foreign_threads.test_a_deleter_runs_on_a_thread_that_python_does_not_know",
        "test_foreign_threads.test_a_deleter_called_by_c_lets_go_of_a_producer",
    ],
    "memory is freed while the interpreter ends": [
        "test_lifetime.test_the_interpreter_ends_with_everything_alive",
        "test_lifetime.test_the_interpreter_ends_with_tensors_alive",
        "test_lifetime.test_the_interpreter_ends_under_deleters_that_wait_for_the_gil",
    ],
    "a capsule is never consumed": [
        "test_view_capsule.test_a_capsule_that_nobody_takes_frees_what_it_holds",
        "test_soak.test_nothing_is_left",
    ],
    "a capsule is consumed twice": [
        "test_hostile_dlpack.test_a_capsule_is_consumed_once",
        "test_hostile_producers.test_many_threads_at_one_capsule",
        "test_view_capsule.test_a_capsule_is_consumed_once",
    ],
    "a capsule has another name": [
        "test_hostile_dlpack.test_a_capsule_with_a_foreign_name_stays_the_producers"
    ],
    "a tensor of a foreign major version is read": [
        "test_hostile_dlpack.test_a_foreign_version_is_released_unread"
    ],
    "a deleter is NULL": ["test_protocols.test_a_deleter_may_be_missing"],
    "a producer lies: shapes, extents, ndim, offset, dtype, device": [
        "test_hostile_dlpack.test_a_lie_is_refused"
    ],
    "an exporter lies: format, itemsize, len, suboffsets": ["test_hostile_buffer.test_a_lie_is_refused"],
    "an array interface lies": [
        "test_hostile_interfaces.test_a_lie_in_the_dictionary_is_refused",
        "test_hostile_interfaces.test_a_lie_in_the_dictionary_for_cuda_is_refused",
        "test_hostile_interfaces.test_a_lie_in_the_structure_is_refused",
    ],
    "a producer raises, returns nonsense, or frees in the middle": [
        "test_hostile_producers.test_an_error_becomes_a_refusal",
        "test_hostile_producers.test_an_answer_that_is_no_capsule",
        "test_hostile_producers.test_dropping_everything_while_asked",
        "test_hostile_producers.test_calling_back_while_asked_and_while_released",
    ],
    "a description changes after it was handed out": [
        "test_hostile_producers.test_changing_the_description_afterwards",
        "test_hostile_buffer.test_extents_that_change_after_they_were_read",
        "test_hostile_interfaces.test_extents_that_change_after_they_were_read",
    ],
    "work on one stream while the producer writes on another": [
        "test_view_capsule.test_requests_that_a_cpu_cannot_meet",
        "test_errors.test_refusal",
    ],
    "typed buffers are read as another type": ["test_to_torch.test_producer", "test_to_numpy.test_producer"],
    "a mask is dropped": ["test_unshareable.test_masked_arrays_never_lose_their_mask"],
    "an object array is made of what speaks DLPack": ["test_protocols.test_dlpack"],
    "a worker process gets an address of another one": [
        "test_data_loader.test_views_arrive",
        "test_data_loader.test_items_arrive",
    ],
    "a compiled function does not see the alias": [
        "test_torch_modes.test_compiled_functions_give_what_plain_ones_give",
        "test_torch_modes.test_backends_that_reorder_writes_do_not_see_aliases",
    ],
}


@pytest.mark.parametrize("hazard", HAZARDS)
def test_every_hazard_has_a_test(hazard: str, monkeypatch: pytest.MonkeyPatch) -> None:
    assert HAZARDS[hazard]
    for each in HAZARDS[hazard]:
        module, name = each.split(".")
        (file,) = ROOT.glob(f"tests/python/**/{module}.py")
        monkeypatch.syspath_prepend(file.parent)
        assert inspect.isfunction(getattr(importlib.import_module(module), name)), each
