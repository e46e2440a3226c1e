#!/bin/bash
# What races, leaks or outlives its owner, looked for with sanitizers and valgrind (docs/reliability.md).
#
#   ./sanitizers.sh         everything
#   ./sanitizers.sh short   what each run of .ci/run affords
#   ./sanitizers.sh miri    the pure layers under Miri, where a nightly toolchain with it is installed
#
# It works with the stable toolchain: that has the sanitizers' runtimes. Its standard library is not instrumented; what it
# inlines into our code is.
set -euo pipefail
cd "$(dirname "$0")"

mode=${1:-whole}
step() { printf '\n=== %s (%s s)\n' "$*" "$SECONDS"; }

if [ "$mode" = miri ]; then
    # Without sockets, threads of the system and C; a big number's power takes minutes there.
    export MIRIFLAGS="-Zmiri-disable-isolation"
    exec cargo +nightly miri test --lib -- wire:: url:: crypto:: protocol::payload protocol::flow capi::handle capi::pointer \
        capi::boundary capi::block --skip srp
fi

triple=$(rustc -vV | sed -n 's/^host: //p')
runtimes=$(rustc --print target-libdir)
seed=${LIFECYCLE_SEED:-1}
export LIFECYCLE_PATIENCE=5
export ASAN_OPTIONS=detect_leaks=1:detect_stack_use_after_return=1:allocator_may_return_null=1 TSAN_OPTIONS=history_size=4:second_deadlock_stack=1
# Misuse of unsafe functions of the standard library is a panic.
export CARGO_PROFILE_CHECKED_DEBUG_ASSERTIONS=true

declare -A runtime=([address]=asan [thread]=tsan) mark=([address]=__asan_report_load8 [thread]=__tsan_read8)
work=target/sanitized
mkdir -p "$work"

# with SANITIZER cargo …: our code and what it depends on are instrumented, build scripts are not.
with() {
    local sanitizer=$1 flags
    shift
    flags="-Zsanitizer=$sanitizer -Cunsafe-allow-abi-mismatch=sanitizer"
    if [ "$sanitizer" = thread ]; then
        gcc -O2 -c tests/sanitizers/fence.c -o "$work/fence.o"
        flags+=" -Clink-arg=-Wl,--wrap=__tsan_atomic64_fetch_sub -Clink-arg=$PWD/$work/fence.o"
    fi
    RUSTC_BOOTSTRAP=1 RUSTFLAGS=$flags "$@" --profile checked --target "$triple" --target-dir "$work/$sanitizer"
}

# compile SANITIZER PROGRAM SOURCE…: both halves instrumented, on the toolchain's runtime.
compile() {
    local sanitizer=$1 program=$work/$1-$2 source objects=()
    shift 2
    for source in "$@"; do
        objects+=("$program-$(basename "$source" .c).o")
        gcc -std=gnu11 -w -O1 -g "-fsanitize=$sanitizer" -Iinclude -c "$source" -o "${objects[-1]}"
    done
    if [ "$sanitizer" = thread ]; then
        gcc -O2 -c tests/sanitizers/fence.c -o "$work/fence.o"
        objects+=("$work/fence.o" -Wl,--wrap=__tsan_atomic64_fetch_sub)
    fi
    gcc "${objects[@]}" "$work/$sanitizer/$triple/checked/librist.a" -Wl,--whole-archive \
        "$runtimes/librustc-stable_rt.${runtime[$sanitizer]}.a" -Wl,--no-whole-archive -rdynamic -lpthread -ldl -lm -lrt \
        -o "$program"
}

# has_to_report TEXT COMMAND…
has_to_report() {
    local text=$1
    shift
    if "$@" >"$work/probe.log" 2>&1 || ! grep -q "$text" "$work/probe.log"; then
        cat "$work/probe.log"
        echo "not reported: $text ($*)"
        exit 1
    fi
}

is_instrumented() {
    # All of it is read: grep must not end before nm.
    nm "$work/$1/$triple/checked/librist.a" 2>/dev/null | grep -c "U ${mark[$1]}" >"$work/marks" || true
    [ "$(cat "$work/marks")" -gt 0 ] || { echo "the library has no $1 sanitizer"; exit 1; }
}

lifecycle() { "$work/$1-lifecycle" "$2" "$seed"; }

address() {
    step "AddressSanitizer: library and C programs"
    with address cargo build --lib
    is_instrumented address
    compile address probe tests/sanitizers/probe.c
    has_to_report heap-use-after-free "$work/address-probe" use
    has_to_report "1234 byte(s) leaked" "$work/address-probe" leak
    # This test writes the program that is run below.
    env -u CARGO_PROFILE_CHECKED_DEBUG_ASSERTIONS cargo test --profile checked --test abi_null no_function_dies
    compile address null target/tmp/abi-null/null.c
    "$work/address-null" >"$work/null.log" || { tail -3 "$work/null.log"; exit 1; }
    for program in revisions lifetime batch; do
        compile address $program tests/abi/$program.c
        "$work/address-$program"
    done
    step "AddressSanitizer: lifecycle, $1 cycles, seed $seed"
    compile address lifecycle tests/lifecycle/*.c
    lifecycle address "$1"
}

thread() {
    step "ThreadSanitizer: library and C programs"
    with thread cargo build --lib
    is_instrumented thread
    compile thread probe tests/sanitizers/probe.c
    has_to_report "data race" "$work/thread-probe" race
    # Not lifetime: it forks, and ThreadSanitizer does not know the threads of the parent in the child.
    compile thread batch tests/abi/batch.c
    "$work/thread-batch"
    step "ThreadSanitizer: lifecycle, $1 cycles, seed $seed"
    compile thread lifecycle tests/lifecycle/*.c
    lifecycle thread "$1"
}

if [ "$mode" = short ]; then
    address 150
    thread 150
    step "no sanitizer has found anything"
    exit
fi

address 3000
step "AddressSanitizer: unit tests"
with address cargo test --lib
step "AddressSanitizer: contexts from Rust"
with address cargo test --test runtime_lifecycle --test runtime_stream --test runtime_idle

thread 3000
step "valgrind: C programs"
unset CARGO_PROFILE_CHECKED_DEBUG_ASSERTIONS
export LIFECYCLE_PATIENCE=20
cargo build --profile checked --lib
mkdir -p "$work/plain"
ln -sf "$PWD/target/checked/librist.so" "$work/plain/librist.so.4"
ln -sf librist.so.4 "$work/plain/librist.so"
memcheck() {
    LD_LIBRARY_PATH=$work/plain valgrind --quiet --fair-sched=yes --error-exitcode=99 --leak-check=full \
        --show-leak-kinds=definite --errors-for-leak-kinds=definite "$@"
}
for program in probe revisions lifetime batch lifecycle; do
    sources=(tests/abi/$program.c)
    [ $program != probe ] || sources=(tests/sanitizers/probe.c)
    [ $program != lifecycle ] || sources=(tests/lifecycle/*.c)
    gcc -std=gnu11 -w -O1 -g -Iinclude "${sources[@]}" -L"$work/plain" -lrist -lpthread -o "$work/plain-$program"
    case $program in
    probe) has_to_report "Invalid read" memcheck "$work/plain-probe" use ;;
    lifecycle) memcheck "$work/plain-lifecycle" 300 "$seed" ;;
    *) memcheck "$work/plain-$program" ;;
    esac
done

step "no sanitizer has found anything"
