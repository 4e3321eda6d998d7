#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Draws what rill-paths --csv wrote: plot.py CSV-DIRECTORY OUT-DIRECTORY CASE..."""
import csv
import os
import sys

COLOURS = {'rill': '#c0392b', 'pay': '#2471a3', 'stream': '#7d8a97', 'rs': '#1e8449'}
WIDTH, HEIGHT, LEFT, BOTTOM, TOP = 640, 220, 50, 30, 24


def read(path):
    with open(path, encoding='utf-8') as file:
        return [(int(r['ms']), int(r['used_permille'])) for r in csv.DictReader(file)]


def draw(directory, case, out):
    lines = {s: read(p) for s in COLOURS
             if os.path.exists(p := os.path.join(directory, f'{case}.{s}.csv'))}
    last = max(ms for line in lines.values() for ms, _ in line) + 100
    wide, high = WIDTH - LEFT - 10, HEIGHT - BOTTOM - TOP
    parts = [f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {HEIGHT}" '
             'font-family="sans-serif" font-size="11">',
             f'<rect width="{WIDTH}" height="{HEIGHT}" fill="white"/>']
    for percent in (0, 50, 100):
        y = TOP + high - high * percent / 150
        parts.append(f'<path d="M{LEFT} {y:.0f}H{WIDTH - 10}" stroke="#ddd"/>'
                     f'<text x="{LEFT - 6}" y="{y + 4:.0f}" text-anchor="end">{percent} %</text>')
    for second in range(0, last // 1000 + 1, max(1, last // 10000)):
        x = LEFT + wide * second * 1000 / last
        parts.append(f'<text x="{x:.0f}" y="{HEIGHT - 10}" text-anchor="middle">{second} s</text>')
    for number, (sender, line) in enumerate(lines.items()):
        points = ' '.join(f'{LEFT + wide * ms / last:.0f},'
                          f'{TOP + high - high * min(used, 1500) / 1500:.0f}' for ms, used in line)
        parts.append(f'<polyline points="{points}" fill="none" stroke="{COLOURS[sender]}"/>'
                     f'<text x="{LEFT + 80 * number}" y="14" fill="{COLOURS[sender]}">{sender}'
                     '</text>')
    parts.append('</svg>\n')
    with open(os.path.join(out, case + '.svg'), 'w', encoding='utf-8') as file:
        file.write('\n'.join(parts))


for name in sys.argv[3:]:
    draw(sys.argv[1], name, sys.argv[2])
