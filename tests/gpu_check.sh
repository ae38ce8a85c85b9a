#!/usr/bin/env bash
# All that a machine with a CUDA device can check, in one command of at most 480 seconds, without a network or nox:
#
#     OUT=results tests/gpu_check.sh
#
# It installs the wheel from wheelhouse/ that fits this Python (docs/gpu-testing.md says how to make it), or builds the
# package with what is there, and runs the GPU tests, the benchmark, and the operations under memcheck and racecheck.
# Every step has a time limit, and a failure does not stop the next step. Everything is left in $OUT: machine.txt, info.json,
# gpu.xml, the benchmark's JSON, memcheck.log, racecheck.log, log.txt, and table.txt, which is printed last.
#
#     OUT=results tests/gpu_check.sh --dry-run [BUILD]
#
# goes the same way without a device. Instead of the GPU tests it runs those of the simulated devices that were built in
# BUILD, or none. Exit status: 0 if every step succeeded, 1 if not.
set -uo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.." || exit 1

python=${PYTHON:-python3}
wheels=${WHEELS:-wheelhouse}
seconds=480
dry=${1:-}
build=${2:-}
OUT=${OUT:-$(mktemp -d)}
mkdir -p "$OUT"
site=$(mktemp -d)
trap 'rm -rf "$site"' EXIT
log=$OUT/log.txt
table=$OUT/table.txt
: >"$log" >"$table"
export PYTHONUNBUFFERED=1 PIP_NO_INDEX=1 PIP_DISABLE_PIP_VERSION_CHECK=1 XLA_PYTHON_CLIENT_PREALLOCATE=false
export PYTHONPATH=$site${PYTHONPATH:+:$PYTHONPATH}
failed=0

# step NAME LIMIT LOG COMMAND...: runs a command for LIMIT seconds, or as many as are left
step() {
    local name=$1 limit=$2 to=$3 begin=$SECONDS left=$((seconds - SECONDS - 15)) status=124
    shift 3
    if ((left > 0)); then
        echo "=== $name: $*" >>"$log"
        timeout --kill-after=5 $((limit < left ? limit : left)) "$@" >>"$to" 2>>"$log"
        status=$?
    fi
    printf '%-12s %-9s %4s s\n' "$name" "$(describe $status)" $((SECONDS - begin)) | tee -a "$table"
    ((status == 0)) || failed=1
    return $status
}

describe() {
    case $1 in
    0) echo ok ;;
    124 | 137) echo "too long" ;;
    *) echo "failed $1" ;;
    esac
}

describe_machine() {
    nvidia-smi
    nvidia-smi --query-gpu=name,uuid,driver_version,clocks.sm,clocks.mem,clocks.max.sm,clocks.max.mem --format=csv
    nvcc --version
    "$python" -VV
    "$python" -m pip list | grep -iE '^(torch|cupy|jax|numba|cuda|pybind11|scikit|numpy|pytest|ml.dtypes|rich|nvidia)'
}

# install PATTERN...: wheels of wheelhouse/ that match, without their dependencies
install() {
    local found=()
    for pattern in "$@"; do
        for wheel in "$wheels"/$pattern; do [[ -e $wheel ]] && found+=("$wheel"); done
    done
    ((${#found[@]} > 0)) && "$python" -m pip install -q --no-deps --target "$site" "${found[@]}"
}

# Old tools may be there, such as pybind11 before 3.1: those of wheelhouse/ come first.
build_here() {
    install 'pybind11-*.whl' 'scikit_build_core-*.whl'
    CMAKE_BUILD_PARALLEL_LEVEL=$(nproc) CUDAARCHS=native "$python" -m pip install --no-build-isolation --no-deps \
        --target "$site" -C cmake.define.NUMPY_BRIDGE_CUDA=ON -C cmake.define.CMAKE_CUDA_FLAGS="--threads 0" .
}

tag=$("$python" -c 'import sys; print("cp{}{}".format(*sys.version_info))')
export -f install build_here describe_machine
export python wheels site
timeout --kill-after=5 30 bash -c describe_machine >"$OUT/machine.txt" 2>&1
if ! step "carried" 60 "$log" bash -c "install 'numpy_bridge-*-$tag-*.whl'" ||
    ! step "import" 60 "$log" "$python" -c 'import numpy_bridge._cuda'; then
    rm -rf "$site"/numpy_bridge*
    [[ -n $dry ]] || step "build" 200 "$log" bash -c build_here
fi
describe_cuda='import json; from numpy_bridge.info import describe_cuda; print(json.dumps(describe_cuda(), indent=1))'
step "info" 30 "$OUT/info.json" "$python" -c "$describe_cuda"

# A file that cannot be imported here, for want of a package, does not stop the others.
pytest=("$python" -m pytest -q -p no:cacheprovider --continue-on-collection-errors)
tests=(-m gpu tests/python/cuda)
sanitizer=$(command -v compute-sanitizer || ls -d /usr/local/cuda*/bin/compute-sanitizer 2>/dev/null | tail -1)
if [[ -n $dry ]]; then
    sanitizer=$(command -v true)
    tests=(--collect-only "${tests[@]}")
    [[ -z $build ]] || tests=("--simulated-cuda=$build" tests/simulated_cuda/test_simulated_info.py)
fi
step "gpu tests" 210 "$log" "${pytest[@]}" --timeout=60 --durations=15 --junitxml="$OUT/gpu.xml" \
    -o faulthandler_timeout=50 "${tests[@]}" # a call of CUDA that hangs is in the log: no signal ends it
step "benchmark" 90 "$log" "$python" benchmarks/cuda_kernels.py --rounds 20 --folder "$OUT"

# torch's allocator hands out parts of large blocks, whose ends the sanitizer does not know.
export PYTORCH_NO_CUDA_MEMORY_CACHING=1
chosen='(test_add or test_copy or test_operands_that_overlap) and [torch'
for tool in memcheck racecheck; do
    if [[ -z $sanitizer ]]; then
        echo "$tool        no compute-sanitizer here" | tee -a "$table"
        continue
    fi
    step "$tool" 90 "$OUT/$tool.log" "$sanitizer" "--tool=$tool" --error-exitcode=9 --report-api-errors=no \
        --kernel-name=kernel_substring=numpy_bridge "${pytest[@]}" -m gpu -k "$chosen" \
        tests/python/cuda/test_gpu_operations.py
done

{
    echo "total $SECONDS s"
    grep -ahE '^(FAILED|ERROR)|[0-9]+ (passed|failed)|ERROR SUMMARY|missed:|of the floor|times torch|nothing measured' \
        "$log" "$OUT"/*check.log 2>/dev/null | cut -c1-180
} | tee -a "$table"
exit $failed
