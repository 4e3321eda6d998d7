# SPDX-License-Identifier: Apache-2.0
# shellcheck shell=bash
# Completion of rill(1) for bash.

_rill_options() {
    local common='--link --link-file --ca-file --client-cert --client-key --address --asset --json --quiet --verbose --color --help'
    case $1 in
    send)
        echo "--credentials --amount --data --file --min-rate --slippage --max-packet --timeout
            --stall --crypto $common"
        ;;
    receive) echo "--credentials --count --max --tag --connections --output --overwrite --crypto
            --secret-file --instance --spsp --user --users --tls-cert --tls-key $common" ;;
    pay)
        echo "--deliver --max-source --yes --data --metadata --price --slippage --min-rate --units --as --key
            --key-id --insecure-http --save --resume --max-packet --timeout --stall --crypto $common"
        ;;
    quote)
        echo "--deliver --max-source --price --slippage --min-rate --units --as --key --key-id
            --insecure-http --max-packet --timeout --stall --crypto $common"
        ;;
    ping) echo "--count $common" ;;
    trace) echo "--packet-time --timeout --max-amount $common" ;;
    receipt) echo "--secret-file --nonce $common" ;;
    keys) echo "--id $common" ;;
    op)
        echo "--from --key --key-id --deliver --max-source --metadata --units --yes --no-browser
            --timeout --insecure-http $common"
        ;;
    demo | info | help) echo "$common" ;;
    '') echo "--help --version" ;;
    esac
}

_rill() {
    local commands='demo pay quote receive send info ping trace receipt keys op help'
    local word=${COMP_WORDS[COMP_CWORD]} before=${COMP_WORDS[COMP_CWORD - 1]} command='' i
    COMPREPLY=()
    # "=" is a word of its own to bash.
    [ "$word" != = ] || word=''
    [ "$before" != = ] || before=${COMP_WORDS[COMP_CWORD - 2]}
    for ((i = 1; i < COMP_CWORD; i++)); do
        case ${COMP_WORDS[i]} in
        -*) ;;
        *)
            command=${COMP_WORDS[i]}
            break
            ;;
        esac
    done
    case $before in
    --credentials | --file | --output | --secret-file | --link-file | --ca-file | --users | \
        --client-cert | --client-key | --tls-cert | --tls-key | --key | --save | --resume)
        compopt -o filenames 2>/dev/null
        mapfile -t COMPREPLY < <(compgen -f -- "$word")
        return
        ;;
    --crypto) set -- openssl ipsec-mb fastest ;;
    --color) set -- auto always never ;;
    --link) set -- btp+ws:// btp+wss:// @ ;;
    --amount | --data | --metadata | --min-rate | --slippage | --max-packet | --timeout | --stall | --max | --tag | \
        --connections | --count | --instance | --id | --spsp | --user | --max-source | --price | --as | \
        --from | --key-id | --nonce) return ;;
    *)
        set --
        case $word in
        -*) mapfile -t COMPREPLY < <(compgen -W "$(_rill_options "$command")" -- "$word") ;;
        *)
            case $command in
            '' | help) mapfile -t COMPREPLY < <(compgen -W "$commands" -- "$word") ;;
            send | keys | pay | quote)
                compopt -o filenames 2>/dev/null
                mapfile -t COMPREPLY < <(compgen -f -- "$word")
                ;;
            esac
            ;;
        esac
        return
        ;;
    esac
    mapfile -t COMPREPLY < <(compgen -W "$*" -- "$word")
}

complete -F _rill rill
