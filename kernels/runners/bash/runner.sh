builtin set +o history +o histexpand +o monitor 2>/dev/null
builtin export -n PS1 PS2
# How the shell tells what happens. It is interactive, so that an interrupt ends the command and not the shell, and reads its lines from
# the pipe that carries commands; each eval is three of them (`bash.rs`). A name here that begins with __rialto is the runner's.

# A frame: its kind, then its fields, each a kind (u8, u32, u64, text) and a value.
__rialto_frame() {
  builtin local LC_ALL=C __rialto_kind=$1 __rialto_body='' __rialto_size=1 __rialto_bytes __rialto_i __rialto_v
  builtin shift
  while (( $# > 1 )); do
    case $1 in
      text) __rialto_v=${#2} __rialto_bytes=4 ;;
      u64) __rialto_v=$2 __rialto_bytes=8 ;;
      u32) __rialto_v=$2 __rialto_bytes=4 ;;
      u16) __rialto_v=$2 __rialto_bytes=2 ;;
      *) __rialto_v=$2 __rialto_bytes=1 ;;
    esac
    (( __rialto_size += __rialto_bytes ))
    for (( __rialto_i = 0; __rialto_i < __rialto_bytes; __rialto_i++, __rialto_v >>= 8 )); do
      builtin printf -v __rialto_body '%s\\0%03o' "$__rialto_body" $(( __rialto_v & 255 ))
    done
    if [[ $1 == text ]]; then
      (( __rialto_size += ${#2} ))
      __rialto_body+=${2//\\/\\\\}
    fi
    builtin shift 2
  done
  __rialto_v=$__rialto_size
  builtin local __rialto_head=''
  for (( __rialto_i = 0; __rialto_i < 4; __rialto_i++, __rialto_v >>= 8 )); do
    builtin printf -v __rialto_head '%s\\0%03o' "$__rialto_head" $(( __rialto_v & 255 ))
  done
  builtin printf -v __rialto_head '%s\\0%03o' "$__rialto_head" "$__rialto_kind"
  builtin printf '%b' "$__rialto_head$__rialto_body" >&"$__rialto_out"
}

# Before the code: what the last one left. After this line an interrupt ends the code.
__rialto_begin() {
  __rialto_n=$1 __rialto_exit='' __rialto_due=''
}

__rialto_status() { builtin return "$__rialto_last"; }

# After the code, however it ended. May be said twice: the second time there is nothing to end.
__rialto_end() {
  __rialto_last=$1
  builtin set +x
  case $- in *e*) __rialto_set=e; builtin set +e ;; *) __rialto_set='' ;; esac
  case $- in *u*) __rialto_set+=u; builtin set +u ;; esac
  [[ $__rialto_n ]] || builtin return 0
  # A handler of the user's own stays; between two evals the signal is for nobody.
  if [[ $__rialto_code == *trap* || $__rialto_traps ]]; then
    __rialto_traps=1
    __rialto_int=$(builtin trap -p INT)
    [[ $__rialto_int && $__rialto_int != *__rialto_due* ]] || __rialto_int='builtin trap - INT'
  fi
  builtin trap '__rialto_due=1' INT
  [[ $__rialto_trace ]] && { builtin unset TRACEPARENT; __rialto_trace=''; }
  builtin local __rialto_was=$__rialto_n
  __rialto_n=''
  if [[ $__rialto_exit ]]; then
    __rialto_last=$__rialto_exit
    __rialto_frame 7 u64 "$__rialto_was" u8 3 u8 "$__rialto_exit" u8 0 text '' u8 0
  elif [[ $__rialto_last == 0 ]]; then
    __rialto_frame 7 u64 "$__rialto_was" u8 0 u8 0
  else
    __rialto_frame 7 u64 "$__rialto_was" u8 3 u8 "$__rialto_last" u8 0 text '' u8 0
  fi
}

# Ends the code that runs, from however deep. An interactive shell goes on with its next line.
__rialto_unwind() {
  builtin trap - INT
  # What an interactive shell writes then, an empty line, is for nobody.
  { builtin kill -INT $$; builtin :; } 2>/dev/null
}

# `exit` ends the eval; the shell lives on. In a subshell it is what it was.
exit() {
  builtin local __rialto_code_said=$?
  if [[ ${BASHPID:-$$} == "$$" && $BASH_SUBSHELL == 0 && $__rialto_n ]]; then
    __rialto_exit=$(( ${1:-$__rialto_code_said} & 255 ))
    __rialto_unwind
  else
    builtin exit "${1:-$__rialto_code_said}"
  fi
}

# With `set -e` a command that fails ends the eval, and not the shell.
__rialto_err() {
  if [[ $- == *e* && $BASH_SUBSHELL == 0 && $__rialto_n ]]; then
    __rialto_exit=$1
    __rialto_unwind
  fi
}

# `read` asks whoever is attached, where standard input is the session's.
read() {
  if [[ $__rialto_n && /dev/fd/0 -ef /dev/fd/$__rialto_in ]] && ! builtin read -t 0; then
    builtin local __rialto_i __rialto_prompt='' __rialto_secret=0 __rialto_skip=''
    for __rialto_i; do
      if [[ $__rialto_skip ]]; then
        [[ $__rialto_skip == p ]] && __rialto_prompt=$__rialto_i
        __rialto_skip=''
        builtin continue
      fi
      case $__rialto_i in
        --) builtin break ;;
        -*u*) builtin read "$@"; builtin return ;;
        -*p) __rialto_skip=p ;;
        -*p*) __rialto_prompt=${__rialto_i#*p} ;;
        -*[adinNt]) __rialto_skip=1 ;;
        -*) ;;
        *) builtin break ;;
      esac
      case $__rialto_i in -s* | -[er]s* | -[er][er]s*) __rialto_secret=1 ;; esac
    done
    (( ++__rialto_asks ))
    __rialto_frame 6 u64 "$__rialto_n" u64 0 u8 "$__rialto_secret" u8 1 text "$__rialto_prompt"
  fi
  builtin read "$@"
}

__rialto_fence() {
  __rialto_due=''
  __rialto_frame 8 u32 "$1"
}

# Would the shell run this, or ask for another line? Only parsed.
__rialto_complete_p() {
  builtin local __rialto_said __rialto_status
  if [[ $2 == *\\ && $2 != *\\\\ ]]; then
    __rialto_frame 9 u64 "$1" u8 3 u8 1 text ''
    builtin return
  fi
  __rialto_said=$(builtin printf '%s\n' "$2" | LC_ALL=C "$BASH" -O extglob -n 2>&1)
  __rialto_status=$?
  if [[ $__rialto_said == *'unexpected end of file'* || $__rialto_said == *'unexpected EOF while looking for'* || $__rialto_said == *'delimited by end-of-file'* ]]; then
    __rialto_frame 9 u64 "$1" u8 3 u8 1 text ''
  elif [[ $__rialto_status != 0 || $__rialto_said ]]; then
    __rialto_frame 9 u64 "$1" u8 3 u8 2
  else
    __rialto_frame 9 u64 "$1" u8 3 u8 0
  fi
}

# What could stand at the end of this text (what follows the cursor is not looked at).
__rialto_completions() {
  builtin local __rialto_id="$1" __rialto_code="$2" __rialto_word __rialto_before __rialto_kinds='' __rialto_count=0 __rialto_more=0 __rialto_line
  builtin local -a __rialto_fields
  __rialto_fields=()
  __rialto_word=${__rialto_code##*[$' \t\n;|&<>()=:\x60\"\x27']}
  __rialto_before=${__rialto_code%"$__rialto_word"}
  __rialto_before=${__rialto_before%"${__rialto_before##*[! $'\t']}"}
  __rialto_add() {
    while IFS= builtin read -r __rialto_line; do
      [[ $__rialto_line == __rialto* || $__rialto_line == '' ]] && builtin continue
      (( __rialto_count >= 500 )) && { __rialto_more=1; builtin break; }
      (( ++__rialto_count ))
      __rialto_fields+=(text "$3$__rialto_line$4" text "$2")
    done < <(builtin compgen "$1" -- "$5" 2>/dev/null | LC_ALL=C command sort -u)
  }
  case $__rialto_word in
    '${'*) __rialto_add -v variable '${' '}' "${__rialto_word#\$\{}" ;;
    '$'*) __rialto_add -v variable '$' '' "${__rialto_word#\$}" ;;
    *)
      case $__rialto_before in
        '' | *[';|&(`{'] | *$'\n' | *then | *do | *else | *sudo | *exec | *'!')
          if [[ $__rialto_word != */* ]]; then
            __rialto_add -c command '' '' "$__rialto_word"
          fi ;;
      esac
      (( __rialto_count )) || __rialto_files "$__rialto_word" ;;
  esac
  builtin unset -f __rialto_add
  builtin local LC_ALL=C
  __rialto_frame 9 u64 "$__rialto_id" u8 1 u32 $(( ${#__rialto_code} - ${#__rialto_word} )) u32 ${#__rialto_code} u8 "$__rialto_more" u16 "$__rialto_count" "${__rialto_fields[@]}"
}

__rialto_files() {
  builtin local __rialto_home=''
  while IFS= builtin read -r __rialto_line; do
    (( __rialto_count >= 500 )) && { __rialto_more=1; builtin break; }
    (( ++__rialto_count ))
    if [[ -d ${__rialto_line/#\~\//$HOME/} ]]; then
      __rialto_fields+=(text "$__rialto_line/" text folder)
    else
      builtin printf -v __rialto_line %q "$__rialto_line"
      __rialto_fields+=(text "$__rialto_line" text file)
    fi
  done < <(builtin compgen -f -- "$1" | LC_ALL=C command sort)
}

# What is known of a name.
__rialto_inspect() {
  builtin local __rialto_word __rialto_said='' __rialto_name
  __rialto_word=${2##*[$' \t\n;|&<>()\x60\"\x27{']}
  __rialto_name=${__rialto_word#\$}
  if [[ $__rialto_word == '$'* || ( $(builtin type -t -- "$__rialto_name") == '' && ${!__rialto_name+set} ) ]] 2>/dev/null; then
    __rialto_said=$(builtin declare -p "$__rialto_name" 2>/dev/null)
  else
    case $(builtin type -t -- "$__rialto_name") in
      function)
        if (( $3 )); then __rialto_said=$(builtin declare -f "$__rialto_name")
        else __rialto_said="$__rialto_name is a function"; fi ;;
      builtin | keyword)
        if (( $3 )); then __rialto_said=$(builtin help "$__rialto_name" 2>/dev/null)
        else __rialto_said=$(builtin help -s "$__rialto_name" 2>/dev/null; builtin help -d "$__rialto_name" 2>/dev/null); fi ;;
      alias | file) __rialto_said=$(builtin type -a -- "$__rialto_name" 2>/dev/null) ;;
    esac
  fi
  if [[ $__rialto_said ]]; then
    __rialto_frame 9 u64 "$1" u8 2 u8 1 u16 1 text text/plain text "${__rialto_said:0:60000}"$'\n'
  else
    __rialto_frame 9 u64 "$1" u8 2 u8 0
  fi
}

__rialto_n='' __rialto_last=0 __rialto_exit='' __rialto_due='' __rialto_set='' __rialto_trace='' __rialto_traps='' __rialto_asks=0
__rialto_int='builtin trap - INT'
builtin trap '__rialto_due=1' INT
builtin trap 'builtin exit 143' TERM
builtin trap '__rialto_err "$?"' ERR
builtin set -E
# The lifeline: when nobody holds its other end any more, nobody hears of this shell.
( ( builtin trap '' INT TERM HUP; builtin read -r -u "$__rialto_life"; builtin kill -KILL -$$ ) </dev/null >/dev/null 2>&1 & )
builtin eval "exec $__rialto_life<&-"
if [[ ${RIALTO_BASHRC:-} ]]; then
  [[ $RIALTO_BASHRC == 1 ]] && RIALTO_BASHRC=~/.bashrc
  builtin . "$RIALTO_BASHRC" </dev/null
fi
__rialto_frame 1 text bash text "${BASH_VERSION%%(*}" text "$BASH"
