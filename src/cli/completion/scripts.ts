/**
 * Completion scripts by shell. A script runs the program to get completions, so it stays correct after
 * updates. A script passes each typed word to the program as a separate argument, and evaluates no word.
 */
export const SCRIPTS = {
  bash: String.raw`# Completion of fomular-daemon for bash.
_fomular_daemon() {
    local value description
    COMPREPLY=()
    while IFS=$'\t' read -r value description; do
        case $value in
            :files) compopt -o default; return ;;
            :dirs) compopt -o dirnames; return ;;
        esac
        COMPREPLY+=("$value")
    done < <(fomular-daemon complete -- "${'$'}{COMP_WORDS[@]:1:COMP_CWORD}" 2>/dev/null)
}
complete -F _fomular_daemon fomular-daemon
`,
  zsh: String.raw`#compdef fomular-daemon
# Completion of fomular-daemon for zsh.
_fomular_daemon() {
    local line
    local -a found
    for line in "${'$'}{(@f)$(fomular-daemon complete -- "${'$'}{(@)words[2,CURRENT]}" 2>/dev/null)}"; do
        case $line in
            '') ;;
            :files) compset -P '--*='; _files; return ;;
            :dirs) compset -P '--*='; _files -/; return ;;
            *) found+=("${'$'}{${'$'}{line%%$'\t'*}//:/\\:}:${'$'}{line#*$'\t'}") ;;
        esac
    done
    (( $#found )) && _describe fomular-daemon found
}
if [ "$funcstack[1]" = _fomular-daemon ]; then
    _fomular_daemon "$@"
else
    compdef _fomular_daemon fomular-daemon
fi
`,
  fish: String.raw`# Completion of fomular-daemon for fish.
function __fomular_daemon_complete
    set -l before (commandline -opc)
    set -l current (commandline -ct)
    set -l found (fomular-daemon complete -- $before[2..-1] "$current" 2>/dev/null)
    switch "$found[1]"
        case :files
            __fish_complete_path "$current"
        case :dirs
            __fish_complete_directories "$current" ''
        case '*'
            test (count $found) -gt 0; and printf '%s\n' $found
    end
end
complete -c fomular-daemon -f -a '(__fomular_daemon_complete)'
`,
} as const
