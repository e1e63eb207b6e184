# Counts what passed and failed over all parts of a run, and goes on after a failing one.

passed=0
failed=0

# One line for each part, never of the form of the summary.
report() {  # report NAME PASSED FAILED SECONDS
    if [ "$3" -eq 0 ]; then
        printf 'ok    %-36s %5d tests %5d s\n' "$1" "$2" "$4"
    else
        printf 'FAIL  %-36s %5d of %d failed %5d s\n' "$1" "$3" $(($2 + $3)) "$4"
    fi
    passed=$((passed + $2))
    failed=$((failed + $3))
}

# A part that is one test: its exit code decides.
part() {  # part NAME LOG COMMAND...
    local name=$1 log=$2 start=$SECONDS
    shift 2
    if "$@" >"$log" 2>&1 </dev/null; then
        report "$name" 1 0 $((SECONDS - start))
    else
        tail -n 60 "$log"
        report "$name" 0 1 $((SECONDS - start))
        return 1
    fi
}

# A step that is no test, such as a build: counts only when it fails.
step() {  # step NAME LOG COMMAND...
    local name=$1 log=$2 start=$SECONDS
    shift 2
    if "$@" >"$log" 2>&1 </dev/null; then
        printf 'done  %-36s %17d s\n' "$name" $((SECONDS - start))
    else
        grep -E 'error:|FAILED|ERR!' "$log" | head -n 20
        tail -n 40 "$log"
        report "$name" 0 1 $((SECONDS - start))
        return 1
    fi
}

# A part that ends with the line "N passed, N failed" of its own.
part_with_summary() {  # part_with_summary NAME LOG COMMAND...
    local name=$1 log=$2 start=$SECONDS code=0 line
    shift 2
    "$@" >"$log" 2>&1 </dev/null || code=$?
    line=$(grep -E '^[0-9]+ passed, [0-9]+ failed' "$log" | tail -n 1)
    local good=${line%% passed*} bad=${line#*, }
    bad=${bad%% failed*}
    if [ -z "$line" ]; then
        good=0 bad=1
    elif [ "$code" -ne 0 ] && [ "$bad" -eq 0 ]; then
        bad=1
    fi
    [ "$bad" -eq 0 ] || { grep -E '^not ok|✖|FAIL' "$log" | head -n 40; tail -n 60 "$log"; }
    report "$name" "$good" "$bad" $((SECONDS - start))
}

# Runs GoogleTest programs, some at a time, and counts their tests one by one. A program that dies
# or hangs counts as one more failure.
part_gtest() {  # part_gtest LABEL LOG_FOLDER JOBS PROGRAM...
    local label=$1 folder=$2 jobs=$3 program name
    shift 3
    mkdir -p "$folder"
    printf '%s\n' "$@" | xargs -r -P "$jobs" -I{} bash -c '
        name=$(basename "$1"); start=$SECONDS; code=0
        timeout -k 10 900 "$1" --gtest_color=no >"$2/$name.log" 2>&1 </dev/null || code=$?
        echo "$code $((SECONDS - start))" >"$2/$name.result"' run {} "$folder"
    for program in "$@"; do
        name=$(basename "$program")
        local code=1 seconds=0 good bad log=$folder/$name.log
        read -r code seconds <"$folder/$name.result" || true
        good=$(grep -cE '^\[       OK \]|^\[  SKIPPED \] .* \([0-9]+ ms\)' "$log" || true)
        bad=$(grep -cE '^\[  FAILED  \] .* \([0-9]+ ms\)' "$log" || true)
        if [ "$code" -ne 0 ] && [ "$bad" -eq 0 ]; then
            bad=1
            echo "$label$name ended with code $code:"
            tail -n 60 "$log"
        elif [ "$bad" -ne 0 ]; then
            grep -vE '^\[ RUN|^\[       OK|^\[---' "$log" | head -n 150
        elif [ "$good" -eq 0 ]; then
            bad=1
            echo "$label$name ran no test"
        fi
        report "$label$name" "$good" "$bad" "$seconds"
    done
}

# The one line that says it all; the exit code agrees with it.
summary() {
    echo "$passed passed, $failed failed"
    [ "$failed" -eq 0 ] && [ "$passed" -gt 0 ]
}
