# Makes the Python environment that ./run and ./test live in; sourced by both, in POSIX sh.
#
# prepare LOCK   installs LOCK and a pointer to src/ into .venv, unless that was done before,
#                and sets $environment. All it says goes to stderr: stdout is the command's.
#
# Wants: $here, the checkout. Uses `uv` when there is one, else Python's own venv and pip.

say() { printf '%s\n' "$@" >&2; }

die() {
    say "" "$@"
    exit 1
}

# What an environment was made from. The place is part of it: an environment cannot be moved.
fingerprint() {
    { printf '%s\n' "$here"; cat "$here/$1" "$here/pyproject.toml"; } | cksum
}

# The first Python here that is new enough.
python_found() {
    for candidate in python3 python3.14 python3.13 python3.12 python3.11 python; do
        if "$candidate" -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null; then
            command -v "$candidate"
            return
        fi
    done
    return 1
}

# Beside the checkout; or, where another user owns it, in one's own cache.
environment_place() {
    if [ -w "$here" ] && { [ ! -e "$here/.venv" ] || [ -w "$here/.venv" ]; }; then
        printf '%s\n' "$here/.venv"
    else
        printf '%s\n' "${XDG_CACHE_HOME:-$HOME/.cache}/xinglin/venv-$(printf %s "$here" | cksum | cut -d' ' -f1)"
    fi
}

make_environment() {
    # One that uv made has no pip, and one whose Python was removed has nothing.
    command -v uv >/dev/null && probe='pass' || probe='import pip'
    "$environment/bin/python" -c "$probe" 2>/dev/null && return
    mkdir -p "$(dirname "$environment")"
    if command -v uv >/dev/null; then
        say "Making a Python environment with uv …"
        uv venv --quiet --clear --python '>=3.11' "$environment" >&2 || die "uv could not make $environment."
        return
    fi
    python=$(python_found) || die \
        "Xinglin needs Python 3.11 or newer; found: $(python3 --version 2>/dev/null | grep Python || echo none)." \
        "Install a newer one (Debian: apt install python3 python3-venv), or uv, and start again."
    say "Making a Python environment with $("$python" --version) …"
    "$python" -m venv --clear "$environment" >&2 || die \
        "$python cannot make an environment. On Debian and Ubuntu: apt install python3-venv"
}

# pip or uv, whichever there is; only what is new is shown.
install() {
    if command -v uv >/dev/null; then
        uv pip install --python "$environment/bin/python" "$@" >&2
    else
        status=$(
            exec 3>&1
            {
                "$environment/bin/python" -m pip install --no-input --disable-pip-version-check "$@" 2>&1
                echo $? >&3
            } | awk '/^Collecting/ { print "  " $2; fflush(); next }
                /already satisfied|━|^ *(Using|Downloading|Attempting|Found|Uninstalling|Looking|Installing|Successfully)|^ *$/ { next }
                { print "  " $0; fflush() }' >&2
        )
        [ "$status" -eq 0 ]
    fi
}

prepare() {
    environment=$here/.venv
    stamp=$environment/made-from-$1
    wanted=$(fingerprint "$1")
    [ "$wanted" = "$(cat "$stamp" 2>/dev/null)" ] && [ -x "$environment/bin/python" ] && return

    environment=$(environment_place)
    stamp=$environment/made-from-$1
    [ "$wanted" = "$(cat "$stamp" 2>/dev/null)" ] && return

    make_environment
    say "Installing what $1 names into $environment (once; the next start skips this) …"
    install --require-hashes -r "$here/$1" || die "A package could not be installed; see above. Is the network there?"
    # A pointer to src/ and not a copy, so that after `git pull` the new code runs.
    install --quiet --no-deps --no-build-isolation --editable "$here" || die "Xinglin itself could not be installed; see above."
    printf '%s\n' "$wanted" >"$stamp"
    say "The environment is ready."
}
