# SPDX-License-Identifier: Apache-2.0
# Completion of rilld(1) for fish.

complete -c rilld -f
complete -c rilld -n __fish_use_subcommand -l help -s h -d 'What there is'
complete -c rilld -n __fish_use_subcommand -l version -d 'Print the version'
complete -c rilld -n __fish_use_subcommand -a local -d 'Start a node for the programs on this machine'
complete -c rilld -n __fish_use_subcommand -a help -d 'Explain'
complete -c rilld -n '__fish_seen_subcommand_from help' -a local

complete -c rilld -n '__fish_seen_subcommand_from local' -l listen -x -d 'Where to listen: ADDRESS:PORT'
complete -c rilld -n '__fish_seen_subcommand_from local' -l listen-http -x -d 'Where to listen for ILP over HTTP: ADDRESS:PORT'
complete -c rilld -n '__fish_seen_subcommand_from local' -l port-file -r -F -d 'Write the ports there'
complete -c rilld -n '__fish_seen_subcommand_from local' -l address -x -d "The node's ILP address"
complete -c rilld -n '__fish_seen_subcommand_from local' -l asset-code -x -d 'What accounts are counted in'
complete -c rilld -n '__fish_seen_subcommand_from local' -l asset-scale -x -d 'One unit is 10^-N of it'
complete -c rilld -n '__fish_seen_subcommand_from local' -l max-packet-amount -x -d 'Reject packets of more units'
complete -c rilld -n '__fish_seen_subcommand_from local' -l rate-limit -x -d 'Packets a second of each account'
complete -c rilld -n '__fish_seen_subcommand_from local' -l tls-cert -r -F -d 'Certificate (PEM)'
complete -c rilld -n '__fish_seen_subcommand_from local' -l tls-key -r -F -d 'Its key (PEM)'
complete -c rilld -n '__fish_seen_subcommand_from local' -l allow-origin -x -d 'Let browser pages of it connect'
complete -c rilld -n '__fish_seen_subcommand_from local' -l user -x -a '(__fish_complete_users)' -d 'Become this user'
complete -c rilld -n '__fish_seen_subcommand_from local' -l group -x -a '(__fish_complete_groups)' -d 'And this group'
complete -c rilld -n '__fish_seen_subcommand_from local' -l quiet -s q -d 'Print only errors and warnings'
complete -c rilld -n '__fish_seen_subcommand_from local' -l verbose -s v -d 'Say who comes and goes'
complete -c rilld -n '__fish_seen_subcommand_from local' -l help -s h -d 'Explain the options'
complete -c rilld -n '__fish_seen_subcommand_from local' -l max-sessions -x -d 'Sessions at each address'
complete -c rilld -n '__fish_seen_subcommand_from local' -l max-strangers -x -d 'Connections that have not authenticated'
complete -c rilld -n '__fish_seen_subcommand_from local' -l auth-timeout -x -d 'From connecting to authenticated, seconds'
complete -c rilld -n '__fish_seen_subcommand_from local' -l idle-timeout -x -d 'Without a whole message, seconds'
complete -c rilld -n '__fish_seen_subcommand_from local' -l max-accounts -x -d 'Accounts'
complete -c rilld -n '__fish_seen_subcommand_from local' -l max-open -x -d 'Packets that wait for an answer'
complete -c rilld -n '__fish_seen_subcommand_from local' -l max-buffer -x -d 'Output that waits for clients, MiB'
