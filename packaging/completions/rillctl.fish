# SPDX-License-Identifier: Apache-2.0
# Completion of rillctl(1) for fish.

complete -c rillctl -f
complete -c rillctl -n __fish_use_subcommand -l help -s h -d 'What there is'
complete -c rillctl -n __fish_use_subcommand -l version -d 'Print the version'
complete -c rillctl -n __fish_use_subcommand -a status -d 'How the node is'
complete -c rillctl -n __fish_use_subcommand -a accounts -d 'Every account with its balance, and changing them'
complete -c rillctl -n __fish_use_subcommand -a balance -d 'The balance of an account, or what the node has'
complete -c rillctl -n __fish_use_subcommand -a rates -d 'Prices, and what each exchange brings'
complete -c rillctl -n __fish_use_subcommand -a routes -d 'The ways to each prefix, and changing them'
complete -c rillctl -n __fish_use_subcommand -a settle -d 'Record what was settled by hand'
complete -c rillctl -n __fish_use_subcommand -a statement -d 'What changed the balance of an account'
complete -c rillctl -n __fish_use_subcommand -a audit -d 'Compute the books anew'
complete -c rillctl -n __fish_use_subcommand -a why -d 'Why packets of an account were rejected'
complete -c rillctl -n __fish_use_subcommand -a in-flight -d 'Packets that were out when the node was killed'
complete -c rillctl -n __fish_use_subcommand -a reload -d 'Read the configuration again'
complete -c rillctl -n __fish_use_subcommand -a drain -d 'Stop the node when nothing is under way'
complete -c rillctl -n __fish_use_subcommand -a log-level -d 'Show or set what the node logs'
complete -c rillctl -n __fish_use_subcommand -a help -d 'Explain a command'
complete -c rillctl -n '__fish_seen_subcommand_from help' -a 'status accounts balance rates routes settle statement audit why in-flight reload drain log-level'

complete -c rillctl -n 'not __fish_use_subcommand' -l socket -r -F -d "The node's socket"
complete -c rillctl -n 'not __fish_use_subcommand' -l config -r -F -d "The node's configuration"
complete -c rillctl -n 'not __fish_use_subcommand' -l url -x -d "The node's port"
complete -c rillctl -n 'not __fish_use_subcommand' -l token-file -r -F -d 'The token for the port'
complete -c rillctl -n 'not __fish_use_subcommand' -l ca-file -r -F -d "Authorities of the port's certificate"
complete -c rillctl -n 'not __fish_use_subcommand' -l json -d 'Print JSON'
complete -c rillctl -n 'not __fish_use_subcommand' -l help -s h -d 'Explain the command'

complete -c rillctl -n '__fish_seen_subcommand_from accounts' -a 'add set remove'
complete -c rillctl -n '__fish_seen_subcommand_from accounts' -l new-token -d 'The node makes a token'
complete -c rillctl -n '__fish_seen_subcommand_from accounts' -l drop-old-tokens -d 'Those of before are good no more'
complete -c rillctl -n '__fish_seen_subcommand_from accounts' -l who -x -d 'Who did this'
complete -c rillctl -n '__fish_seen_subcommand_from routes' -a 'add remove'
complete -c rillctl -n '__fish_seen_subcommand_from routes' -l who -x -d 'Who did this'
complete -c rillctl -n '__fish_seen_subcommand_from rates' -a set -d 'Enter a price'
complete -c rillctl -n '__fish_seen_subcommand_from rates' -l for -x -d 'How long it is good'
complete -c rillctl -n '__fish_seen_subcommand_from rates' -l who -x -d 'Who did this'
complete -c rillctl -n '__fish_seen_subcommand_from settle' -l in -d 'The account has paid'
complete -c rillctl -n '__fish_seen_subcommand_from settle' -l out -d 'You have paid'
complete -c rillctl -n '__fish_seen_subcommand_from settle' -l deposit -d 'Credit without a payment'
complete -c rillctl -n '__fish_seen_subcommand_from settle' -l withdrawal -d 'The opposite of a deposit'
complete -c rillctl -n '__fish_seen_subcommand_from settle' -l note -x -d 'Written beside it'
complete -c rillctl -n '__fish_seen_subcommand_from settle' -l key -x -d 'Nothing is booked twice with it'
complete -c rillctl -n '__fish_seen_subcommand_from settle' -l who -x -d 'Who did this'
complete -c rillctl -n '__fish_seen_subcommand_from statement' -l from -x -d 'From this time on'
complete -c rillctl -n '__fish_seen_subcommand_from statement' -l to -x -d 'Before this time'
complete -c rillctl -n '__fish_seen_subcommand_from statement' -l step -x -a 'minute hour day all' -d 'What packets are summed for'
complete -c rillctl -n '__fish_seen_subcommand_from statement' -l csv -d 'Print a table for spreadsheets'
complete -c rillctl -n '__fish_seen_subcommand_from reload' -l who -x -d 'Who did this'
complete -c rillctl -n '__fish_seen_subcommand_from drain' -l who -x -d 'Who did this'
complete -c rillctl -n '__fish_seen_subcommand_from log-level' -a 'warning info debug'
complete -c rillctl -n '__fish_seen_subcommand_from log-level' -l who -x -d 'Who did this'
