# SPDX-License-Identifier: Apache-2.0
# shellcheck shell=bash
# meant WORD CANDIDATE...: prints the candidate that a mistyped word most likely stands for, if any.

# keystrokes A B: how many letters have to be added, removed, changed or swapped.
keystrokes() {
    local a=$1 b=$2 i j cost best
    local -A d
    for ((i = 0; i <= ${#a}; i++)); do d[$i,0]=$i; done
    for ((j = 0; j <= ${#b}; j++)); do d[0,$j]=$j; done
    for ((i = 1; i <= ${#a}; i++)); do
        for ((j = 1; j <= ${#b}; j++)); do
            cost=1
            [ "${a:i-1:1}" != "${b:j-1:1}" ] || cost=0
            best=$((d[$((i - 1)),$((j - 1))] + cost))
            ((d[$((i - 1)),$j] + 1 >= best)) || best=$((d[$((i - 1)),$j] + 1))
            ((d[$i,$((j - 1))] + 1 >= best)) || best=$((d[$i,$((j - 1))] + 1))
            if ((i > 1 && j > 1)) && [ "${a:i-1:1}${a:i-2:1}" = "${b:j-2:1}${b:j-1:1}" ]; then
                ((d[$((i - 2)),$((j - 2))] + 1 >= best)) || best=$((d[$((i - 2)),$((j - 2))] + 1))
            fi
            d[$i,$j]=$best
        done
    done
    echo "${d[${#a},${#b}]}"
}

meant() {
    local word=${1:0:40} nearest='' distance candidate n
    # One mistake in three letters; and more looks like another word.
    distance=$((${#word} < 3 ? 2 : ${#word} / 3 + 2))
    shift
    for candidate in "$@"; do
        if [ "${#word}" -ge 2 ] && [ "${candidate#"$word"}" != "$candidate" ]; then
            n=1
        else
            n=$(keystrokes "$word" "$candidate")
            [ "$n" -lt "${#word}" ] || continue
        fi
        if [ "$n" -lt "$distance" ]; then
            nearest=$candidate
            distance=$n
        fi
    done
    [ -z "$nearest" ] || echo "$nearest"
}
