# SPDX-License-Identifier: Apache-2.0
# Completion of rill(1) for fish.

complete -c rill -f
complete -c rill -n __fish_use_subcommand -l help -s h -d 'List the commands'
complete -c rill -n __fish_use_subcommand -l version -d 'Print the version'
complete -c rill -n __fish_use_subcommand -a demo -d 'Run the tutorial'
complete -c rill -n __fish_use_subcommand -a receive -d 'Receive money and data'
complete -c rill -n __fish_use_subcommand -a send -d 'Send money and data'
complete -c rill -n __fish_use_subcommand -a info -d "Show the account's address and asset"
complete -c rill -n __fish_use_subcommand -a ping -d 'See whether a node answers'
complete -c rill -n __fish_use_subcommand -a receipt -d "Verify a receiver's receipt"
complete -c rill -n __fish_use_subcommand -a keys -d 'Make and show keys for signing'
complete -c rill -n __fish_use_subcommand -a help -d 'Explain a command'
complete -c rill -n '__fish_seen_subcommand_from help' -a 'demo receive send info ping receipt keys help'

complete -c rill -n 'not __fish_use_subcommand' -l link -x -d 'The node: btp+ws://:TOKEN@HOST:PORT'
complete -c rill -n 'not __fish_use_subcommand' -l link-file -r -F -d 'A file that holds the URI'
complete -c rill -n 'not __fish_use_subcommand' -l ca-file -r -F -d 'Certificate authorities to trust'
complete -c rill -n 'not __fish_use_subcommand' -l address -x -d 'Our ILP address, if the node does not tell it'
complete -c rill -n 'not __fish_use_subcommand' -l asset -x -d 'Our asset and its scale: CODE/SCALE'
complete -c rill -n 'not __fish_use_subcommand' -l json -d 'Print JSON, one object on each line'
complete -c rill -n 'not __fish_use_subcommand' -l quiet -s q -d 'Print only errors'
complete -c rill -n 'not __fish_use_subcommand' -l verbose -s v -d 'Print more about what happens'
complete -c rill -n 'not __fish_use_subcommand' -l color -x -a 'auto always never' -d 'When to colour'
complete -c rill -n 'not __fish_use_subcommand' -l help -s h -d 'Explain the command'

complete -c rill -n '__fish_seen_subcommand_from receipt' -a 'verify show'
complete -c rill -n '__fish_seen_subcommand_from receipt' -l secret-file -r -F -d 'The receipt secret'
complete -c rill -n '__fish_seen_subcommand_from receipt' -l nonce -x -d 'The nonce that it must have'
complete -c rill -n '__fish_seen_subcommand_from keys' -F -a 'new show jwks'
complete -c rill -n '__fish_seen_subcommand_from keys' -l id -x -d 'The id of the key'

complete -c rill -n '__fish_seen_subcommand_from send' -F
complete -c rill -n '__fish_seen_subcommand_from send' -l credentials -r -F -d 'The file from the receiver'
complete -c rill -n '__fish_seen_subcommand_from send' -l amount -x -d 'How much, like 1000 or 1.5XRP'
complete -c rill -n '__fish_seen_subcommand_from send' -l data -x -d 'Text to send'
complete -c rill -n '__fish_seen_subcommand_from send' -l file -r -F -d 'A file to send'
complete -c rill -n '__fish_seen_subcommand_from send' -l min-rate -x -d 'Send nothing at a lower rate'
complete -c rill -n '__fish_seen_subcommand_from send' -l slippage -x -d 'Part of the rate that may be lost'
complete -c rill -n '__fish_seen_subcommand_from send' -l max-packet -x -d 'Most units in a packet'
complete -c rill -n '__fish_seen_subcommand_from send' -l timeout -x -d 'Give up after this many seconds'
complete -c rill -n '__fish_seen_subcommand_from send' -l stall -x -d 'Give up after this many seconds without progress'
complete -c rill -n '__fish_seen_subcommand_from send' -l crypto -x -a 'openssl ipsec-mb fastest' -d 'The library that encrypts'

complete -c rill -n '__fish_seen_subcommand_from receive' -l credentials -r -F -d 'Where to write the credentials'
complete -c rill -n '__fish_seen_subcommand_from receive' -l count -x -d 'Write so many credentials'
complete -c rill -n '__fish_seen_subcommand_from receive' -l max -x -d 'Most to accept on each stream'
complete -c rill -n '__fish_seen_subcommand_from receive' -l tag -x -d 'A tag inside the address'
complete -c rill -n '__fish_seen_subcommand_from receive' -l connections -x -d 'Exit after so many have ended'
complete -c rill -n '__fish_seen_subcommand_from receive' -l output -r -F -d 'Where the bytes of streams go'
complete -c rill -n '__fish_seen_subcommand_from receive' -l overwrite -d 'Allow --output to replace a file'
complete -c rill -n '__fish_seen_subcommand_from receive' -l secret-file -r -F -d 'The secret to make credentials from'
complete -c rill -n '__fish_seen_subcommand_from receive' -l instance -x -d 'The name of this receiver'
complete -c rill -n '__fish_seen_subcommand_from receive' -l spsp -x -d 'Answer payment pointers there'
complete -c rill -n '__fish_seen_subcommand_from receive' -l user -x -d 'A name that can be paid'
complete -c rill -n '__fish_seen_subcommand_from receive' -l users -r -F -d 'The same for each line'
complete -c rill -n '__fish_seen_subcommand_from receive' -l tls-cert -r -F -d 'A certificate chain in PEM'
complete -c rill -n '__fish_seen_subcommand_from receive' -l tls-key -r -F -d 'Its key in PEM'
complete -c rill -n '__fish_seen_subcommand_from receive' -l crypto -x -a 'openssl ipsec-mb fastest' -d 'The library that encrypts'

complete -c rill -n '__fish_seen_subcommand_from ping' -l count -x -d 'Pings to send'
