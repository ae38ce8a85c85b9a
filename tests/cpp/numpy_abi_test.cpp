/// Holds our declarations of NumPy's C API against NumPy's own headers. If this file compiles, they
/// agree; it is never linked or run.

#include <cstddef>
#include <string_view>
#include <type_traits>

#include <numpy_bridge/libraries/numpy.hpp>
#include <numpy_bridge/protocols/array_interface.hpp>

#define NPY_NO_DEPRECATED_API NPY_2_0_API_VERSION
#include <numpy/arrayobject.h>

namespace ours = numpy_bridge::numpy_abi;
using numpy_bridge::dtype;

static_assert(NPY_ABI_VERSION >= 0x02000000, "the headers of NumPy 2 are needed");

// Prefixes of NumPy's structs, which grow: so no sizes, but each field's place and type.
#define SAME_FIELD(mine, my_field, official, official_field)                                                           \
    static_assert(offsetof(mine, my_field) == offsetof(official, official_field));                                     \
    static_assert(std::is_same_v<decltype(mine::my_field), decltype(official::official_field)>)

static_assert(alignof(ours::descr) == alignof(PyArray_Descr) && sizeof(ours::descr) <= sizeof(PyArray_Descr));
SAME_FIELD(ours::descr, ob_base, PyArray_Descr, ob_base);
SAME_FIELD(ours::descr, scalar_type, PyArray_Descr, typeobj);
SAME_FIELD(ours::descr, kind, PyArray_Descr, kind);
SAME_FIELD(ours::descr, type, PyArray_Descr, type);
SAME_FIELD(ours::descr, byteorder, PyArray_Descr, byteorder);
SAME_FIELD(ours::descr, flags, PyArray_Descr, _former_flags);
SAME_FIELD(ours::descr, number, PyArray_Descr, type_num);

using array_fields = PyArrayObject_fields;
static_assert(alignof(ours::array) == alignof(array_fields) && sizeof(ours::array) <= sizeof(array_fields));
SAME_FIELD(ours::array, ob_base, array_fields, ob_base);
SAME_FIELD(ours::array, data, array_fields, data);
SAME_FIELD(ours::array, ndim, array_fields, nd);
SAME_FIELD(ours::array, shape, array_fields, dimensions);
SAME_FIELD(ours::array, strides, array_fields, strides);
SAME_FIELD(ours::array, base, array_fields, base);
SAME_FIELD(ours::array, flags, array_fields, flags);
SAME_FIELD(ours::array, weak_references, array_fields, weakreflist);
static_assert(offsetof(ours::array, descr) == offsetof(array_fields, descr));
static_assert(std::is_same_v<decltype(ours::array::descr), ours::descr*>);

static_assert(ours::flag_own_data == NPY_ARRAY_OWNDATA);
static_assert(ours::flag_writeable == NPY_ARRAY_WRITEABLE);

namespace {

/// NumPy writes its functions as macros that end in `PyArray_API[45])`. This is the number there, or
/// -1 in any other text.
constexpr int slot_in(std::string_view macro) {
    constexpr std::string_view table = "PyArray_API[";
    const std::size_t at = macro.find(table);
    if (at == std::string_view::npos || macro.find(table, at + 1) != std::string_view::npos) return -1;
    int slot = 0;
    for (std::size_t i = at + table.size(); macro[i] != ']'; ++i) {
        if (macro[i] < '0' || macro[i] > '9') return -1;
        slot = slot * 10 + (macro[i] - '0');
    }
    return slot;
}
static_assert(slot_in("(*(int (*)(void)) PyArray_API[45])") == 45 && slot_in("PyArray_Other") == -1);

} // namespace

#define TEXT_OF(...) #__VA_ARGS__
#define SLOT_OF(...) slot_in(TEXT_OF(__VA_ARGS__))

static_assert(SLOT_OF(PyArray_Type) == ours::slot_array_type);
static_assert(SLOT_OF(PyArray_DescrFromType) == ours::slot_descr_from_type);
static_assert(SLOT_OF(PyArray_NewFromDescr) == ours::slot_new_from_descr);
static_assert(SLOT_OF(PyGenericArrType_Type) == ours::slot_scalar_type);
static_assert(SLOT_OF(PyArray_SetBaseObject) == ours::slot_set_base);

#define SAME_TYPE(id, official, kind_letter)                                                                           \
    static_assert(numpy_bridge::info(id).numpy_number == official);                                                    \
    static_assert(numpy_bridge::info(id).kind == kind_letter);                                                         \
    static_assert(numpy_bridge::from_numpy_number(official) == id)

SAME_TYPE(dtype::boolean, NPY_BOOL, NPY_GENBOOLLTR);
SAME_TYPE(dtype::int8, NPY_INT8, NPY_SIGNEDLTR);
SAME_TYPE(dtype::int16, NPY_INT16, NPY_SIGNEDLTR);
SAME_TYPE(dtype::int32, NPY_INT32, NPY_SIGNEDLTR);
SAME_TYPE(dtype::int64, NPY_INT64, NPY_SIGNEDLTR);
SAME_TYPE(dtype::uint8, NPY_UINT8, NPY_UNSIGNEDLTR);
SAME_TYPE(dtype::uint16, NPY_UINT16, NPY_UNSIGNEDLTR);
SAME_TYPE(dtype::uint32, NPY_UINT32, NPY_UNSIGNEDLTR);
SAME_TYPE(dtype::uint64, NPY_UINT64, NPY_UNSIGNEDLTR);
SAME_TYPE(dtype::float16, NPY_FLOAT16, NPY_FLOATINGLTR);
SAME_TYPE(dtype::float32, NPY_FLOAT32, NPY_FLOATINGLTR);
SAME_TYPE(dtype::float64, NPY_FLOAT64, NPY_FLOATINGLTR);
SAME_TYPE(dtype::complex64, NPY_COMPLEX64, NPY_COMPLEXLTR);
SAME_TYPE(dtype::complex128, NPY_COMPLEX128, NPY_COMPLEXLTR);

namespace {

constexpr int types_that_numpy_has() {
    int count = 0;
    for (const auto& row : numpy_bridge::dtype_table) count += row.numpy_number >= 0 ? 1 : 0;
    return count;
}
static_assert(types_that_numpy_has() == 14, "hold the new row against NumPy above");

/// Every legacy type number, by what it stands for on this platform.
constexpr bool stands_for(int number, char kind, std::size_t size) {
    const auto id = numpy_bridge::from_numpy_number(number);
    return id && numpy_bridge::info(*id).kind == kind && numpy_bridge::itemsize(*id) == size;
}
static_assert(stands_for(NPY_BYTE, 'i', sizeof(npy_byte)) && stands_for(NPY_UBYTE, 'u', sizeof(npy_ubyte)));
static_assert(stands_for(NPY_SHORT, 'i', sizeof(npy_short)) && stands_for(NPY_USHORT, 'u', sizeof(npy_ushort)));
static_assert(stands_for(NPY_INT, 'i', sizeof(npy_int)) && stands_for(NPY_UINT, 'u', sizeof(npy_uint)));
static_assert(stands_for(NPY_LONG, 'i', sizeof(npy_long)) && stands_for(NPY_ULONG, 'u', sizeof(npy_ulong)));
static_assert(stands_for(NPY_LONGLONG, 'i', sizeof(npy_longlong)));
static_assert(stands_for(NPY_ULONGLONG, 'u', sizeof(npy_ulonglong)));

constexpr bool is_refused(int number) { return !numpy_bridge::from_numpy_number(number); }
static_assert(is_refused(NPY_LONGDOUBLE) && is_refused(NPY_CLONGDOUBLE) && is_refused(NPY_OBJECT));
static_assert(is_refused(NPY_STRING) && is_refused(NPY_UNICODE) && is_refused(NPY_VOID) && is_refused(NPY_DATETIME));
static_assert(is_refused(NPY_TIMEDELTA) && is_refused(NPY_NTYPES_LEGACY) && is_refused(NPY_NOTYPE));
static_assert(is_refused(NPY_USERDEF) && is_refused(NPY_VSTRING) && is_refused(-1));

} // namespace

// The structure behind `__array_struct__`.

using numpy_bridge::numpy_abi::array_struct;

#define SAME_STRUCT_FIELD(ours, official)                                                                              \
    static_assert(offsetof(array_struct, ours) == offsetof(PyArrayInterface, official) &&                              \
                  sizeof(array_struct::ours) == sizeof(PyArrayInterface::official))

SAME_STRUCT_FIELD(two, two);
SAME_STRUCT_FIELD(ndim, nd);
SAME_STRUCT_FIELD(kind, typekind);
SAME_STRUCT_FIELD(itemsize, itemsize);
SAME_STRUCT_FIELD(flags, flags);
SAME_STRUCT_FIELD(shape, shape);
SAME_STRUCT_FIELD(strides, strides);
SAME_STRUCT_FIELD(data, data);
SAME_STRUCT_FIELD(descr, descr);
static_assert(sizeof(array_struct) == sizeof(PyArrayInterface));
static_assert(numpy_bridge::numpy_abi::flag_c_contiguous == NPY_ARRAY_C_CONTIGUOUS);
static_assert(numpy_bridge::numpy_abi::flag_f_contiguous == NPY_ARRAY_F_CONTIGUOUS);
static_assert(numpy_bridge::numpy_abi::flag_aligned == NPY_ARRAY_ALIGNED);
static_assert(numpy_bridge::numpy_abi::flag_not_swapped == NPY_ARRAY_NOTSWAPPED);
static_assert(numpy_bridge::numpy_abi::flag_struct_writeable == NPY_ARRAY_WRITEABLE);
static_assert(numpy_bridge::numpy_abi::flag_has_descr == NPY_ARR_HAS_DESCR);
static_assert(numpy_bridge::numpy_abi::first_user_number == NPY_USERDEF);
