# SPDX-License-Identifier: Apache-2.0
# shellcheck shell=bash
# Completion of rillctl(1) for bash.

_rillctl() {
    local commands='status accounts peer balance rates routes settle outstanding proposals confirm reject statement audit backup why packets in-flight top reload drain log-level'
    local options='--socket --config --url --token-file --ca-file --timeout --json --help'
    local word=${COMP_WORDS[COMP_CWORD]} before=${COMP_WORDS[COMP_CWORD - 1]}
    COMPREPLY=()
    [ "$word" != = ] || word=''
    [ "$before" != = ] || before=${COMP_WORDS[COMP_CWORD - 2]}
    if [ "$COMP_CWORD" -eq 1 ]; then
        mapfile -t COMPREPLY < <(compgen -W "$commands help --help --version" -- "$word")
        return
    fi
    case ${COMP_WORDS[1]} in
    accounts) options="$options --new-token --drop-old-tokens --who" ;;
    peer) options="$options --auto --asset --name --credit --most --max-packet --packets-a-second --amount-a-second --who" ;;
    routes) options="$options --who" ;;
    rates) options="$options --for --who" ;;
    settle) options="$options --in --out --deposit --withdrawal --end --paid --unpaid --note --key --who" ;;
    statement) options="$options --from --to --step --asset --csv" ;;
    audit) options="$options --since-head --lines --after --csv" ;;
    backup) options="$options --force --who" ;;
    packets) options="$options --from --to --destination --id --code --rejected --limit --follow --csv" ;;
    top) options="$options --interval --count" ;;
    confirm | reject | reload | drain | log-level) options="$options --who" ;;
    help) options=$commands ;;
    esac
    case $before in
    --socket | --config | --token-file | --ca-file)
        compopt -o filenames 2>/dev/null
        mapfile -t COMPREPLY < <(compgen -f -- "$word")
        ;;
    --step) mapfile -t COMPREPLY < <(compgen -W 'minute hour day all' -- "$word") ;;
    --auto | --asset | --name | --credit | --most | --max-packet | --packets-a-second | --amount-a-second) ;;
    --url | --timeout | --end | --note | --key | --who | --from | --to | --for | --interval | --count | --destination | --id | --code | --limit | --since-head | --after) ;;
    help) mapfile -t COMPREPLY < <(compgen -W "$commands" -- "$word") ;;
    accounts) mapfile -t COMPREPLY < <(compgen -W "add set remove $options" -- "$word") ;;
    peer) mapfile -t COMPREPLY < <(compgen -W "list show add approve remove $options" -- "$word") ;;
    routes) mapfile -t COMPREPLY < <(compgen -W "add remove $options" -- "$word") ;;
    rates) mapfile -t COMPREPLY < <(compgen -W "set $options" -- "$word") ;;
    log-level)
        mapfile -t COMPREPLY < <(compgen -W "warning info debug $options" -- "$word")
        ;;
    *)
        case $word in
        -*) mapfile -t COMPREPLY < <(compgen -W "$options" -- "$word") ;;
        esac
        ;;
    esac
}

complete -F _rillctl rillctl
