// SPDX-License-Identifier: Apache-2.0
// What has happened in the last ten minutes, by the library of plots. Without that the numbers are there all the same.
import { clock } from './text.js'

const SPAN = 600
const LEAST = 60

function colour (name) {
  return getComputedStyle(document.documentElement).getPropertyValue(name).trim()
}

// Between two gaps there is no line, so that a dot has to show what was there.
function alone ({ dataset, dataIndex }) {
  const is = i => dataset.data[i]?.y != null
  return is(dataIndex) && !is(dataIndex - 1) && !is(dataIndex + 1) ? 2.5 : 0
}

export class Plot {
  constructor (canvas, names, number) {
    this.series = names.map(() => [])
    this.chart = null
    if (typeof Chart === 'undefined') {
      canvas.parentElement.hidden = true
      return
    }
    this.chart = new Chart(canvas, {
      type: 'line',
      data: {
        datasets: names.map((label, i) => ({
          label, data: this.series[i], borderWidth: 2, borderDash: i === 0 ? [] : [5, 4], pointRadius: alone, tension: 0, spanGaps: false
        }))
      },
      options: {
        animation: false,
        responsive: true,
        maintainAspectRatio: false,
        parsing: false,
        normalized: true,
        interaction: { mode: 'index', intersect: false },
        scales: {
          x: { type: 'linear', ticks: { maxTicksLimit: 7, maxRotation: 0, autoSkipPadding: 24, callback: value => clock(new Date(value * 1000)) } },
          y: { beginAtZero: true, suggestedMax: 1, ticks: { maxTicksLimit: 6, callback: number } }
        },
        plugins: {
          legend: { position: 'bottom', labels: { usePointStyle: true, pointStyle: 'line', boxWidth: 28 } },
          tooltip: {
            callbacks: {
              title: items => clock(new Date(items[0].parsed.x * 1000)),
              label: item => ` ${item.dataset.label}: ${number(item.parsed.y)}`
            }
          }
        }
      }
    })
    this.paint()
    matchMedia('(prefers-color-scheme: dark)').addEventListener('change', () => this.paint())
  }

  paint () {
    if (!this.chart) return
    const { scales, plugins } = this.chart.options
    this.chart.data.datasets.forEach((set, i) => {
      set.borderColor = set.backgroundColor = colour(i === 0 ? '--one' : '--two')
    })
    for (const axis of [scales.x, scales.y]) {
      axis.grid = { color: colour('--grid') }
      axis.border = { color: colour('--line') }
      axis.ticks.color = colour('--quiet')
    }
    plugins.legend.labels.color = colour('--text')
    this.show()
  }

  // values: a number or null for each series, at this second. A gap is null: nothing is known of it.
  add (second, values) {
    values.forEach((value, i) => {
      const series = this.series[i]
      series.push({ x: second, y: value })
      while (series.length > 0 && series[0].x < second - SPAN) series.shift()
    })
    this.end = second
    if (document.visibilityState === 'visible') this.show()
  }

  show () {
    if (!this.chart) return
    const end = Math.round(this.end ?? Date.now() / 1000)
    const first = this.series[0].length > 0 ? this.series[0][0].x : end
    this.chart.options.scales.x.min = end - Math.min(SPAN, Math.max(LEAST, Math.ceil(end - first)))
    this.chart.options.scales.x.max = end
    this.chart.update('none')
  }
}
