# SPDX-License-Identifier: Apache-2.0
# shellcheck shell=bash
# Completion of rilld(1) for bash.

_rilld() {
    local options='--listen --listen-http --neighbours --port-file --address --asset-code --asset-scale
        --max-packet-amount
        --rate-limit --uplink --uplink-ca --tls-cert --tls-key --allow-origin --user --group --log-format --quiet --verbose --help
        --max-sessions --max-strangers --auth-timeout --idle-timeout --max-accounts --max-open
        --max-buffer'
    local word=${COMP_WORDS[COMP_CWORD]} before=${COMP_WORDS[COMP_CWORD - 1]}
    COMPREPLY=()
    [ "$word" != = ] || word=''
    [ "$before" != = ] || before=${COMP_WORDS[COMP_CWORD - 2]}
    if [ "$COMP_CWORD" -eq 1 ]; then
        mapfile -t COMPREPLY < <(compgen -W 'local run check help --help --version' -- "$word")
        return
    fi
    case ${COMP_WORDS[1]} in
    local) ;;
    run) options='--config --log-format --quiet --verbose --help' ;;
    check) options='--config --schema --quiet --verbose --help' ;;
    help)
        mapfile -t COMPREPLY < <(compgen -W 'local run check' -- "$word")
        return
        ;;
    *) return ;;
    esac
    case $before in
    --config | --neighbours | --port-file | --uplink-ca | --tls-cert | --tls-key)
        compopt -o filenames 2>/dev/null
        mapfile -t COMPREPLY < <(compgen -f -- "$word")
        ;;
    --uplink) mapfile -t COMPREPLY < <(compgen -W 'btp+wss:// ilp+https:// @' -- "$word") ;;
    --log-format) mapfile -t COMPREPLY < <(compgen -W 'text logfmt json' -- "$word") ;;
    --user) mapfile -t COMPREPLY < <(compgen -u -- "$word") ;;
    --group) mapfile -t COMPREPLY < <(compgen -g -- "$word") ;;
    *)
        case $word in
        -*) mapfile -t COMPREPLY < <(compgen -W "$options" -- "$word") ;;
        esac
        ;;
    esac
}

complete -F _rilld rilld
