// SPDX-License-Identifier: Apache-2.0
// Tables that are sorted, filtered and shown in pages: however many rows there are, 50 are in the document.
import { compare } from './text.js'

const ROWS = 50

export function make (tag, attributes = {}, ...children) {
  const e = document.createElement(tag)
  for (const [name, value] of Object.entries(attributes)) {
    if (value === false || value === null || value === undefined) continue
    if (name === 'onclick') e.addEventListener('click', value)
    else e.setAttribute(name, value === true ? '' : value)
  }
  e.append(...children.filter(child => child !== null && child !== undefined))
  return e
}

/*
 * columns: { title, cell(row): text or element, by(row): what it is sorted by (none: it is not), number, long, minor,
 * head: the row's heading, down: the first click shows the largest first }
 */
export class Table {
  constructor (place, name, columns, { empty, by = null, descending = false, match = null } = {}) {
    Object.assign(this, { place, name, columns, empty, by, descending, match, rows: [], words: '', page: 0 })
    this.count = make('span', { class: 'quiet' })
    this.before = make('button', { type: 'button', class: 'plain', onclick: () => this.turn(-1) }, 'Before')
    this.next = make('button', { type: 'button', class: 'plain', onclick: () => this.turn(1) }, 'Next')
    this.body = make('tbody')
    this.heads = columns.map((column, i) => this.head(column, i))
    this.table = make('table', {}, make('caption', { class: 'unseen' }, name), make('thead', {}, make('tr', {}, ...this.heads)), this.body)
    this.scroll = make('div', { class: 'scroll', role: 'region', 'aria-label': name, tabindex: '0' }, this.table)
    this.nothing = make('p', { class: 'empty' })
    this.pages = make('div', { class: 'pages' }, this.before, this.next, this.count)
    place.replaceChildren(this.scroll, this.nothing, this.pages)
    this.show()
  }

  head (column, i) {
    const kind = [column.number && 'number', column.minor && 'minor'].filter(Boolean).join(' ') || null
    if (!column.by) return make('th', { scope: 'col', class: kind }, column.title)
    const sort = () => {
      this.descending = this.by === i ? !this.descending : column.down === true
      this.by = i
      this.page = 0
      this.show()
    }
    return make('th', { scope: 'col', class: kind }, make('button', { type: 'button', onclick: sort }, column.title))
  }

  find (words) {
    this.words = words.trim().toLowerCase()
    this.page = 0
    this.show()
  }

  turn (by) {
    this.page += by
    this.show()
  }

  set (rows) {
    this.rows = rows
    this.show()
  }

  chosen () {
    const rows = this.match && this.words ? this.rows.filter(row => this.match(row, this.words)) : this.rows
    if (this.by === null) return rows
    const by = this.columns[this.by].by
    const keyed = rows.map(row => [by(row), row])
    keyed.sort((a, b) => compare(a[0], b[0]) * (this.descending ? -1 : 1))
    return keyed.map(([, row]) => row)
  }

  line (row) {
    return make('tr', {}, ...this.columns.map(column => {
      const kind = [column.number && 'number', column.minor && 'minor', column.long && 'long'].filter(Boolean).join(' ') || null
      return make(column.head ? 'th' : 'td', { scope: column.head ? 'row' : null, class: kind }, column.cell(row))
    }))
  }

  show () {
    const rows = this.chosen()
    const pages = Math.max(1, Math.ceil(rows.length / ROWS))
    this.page = Math.min(Math.max(0, this.page), pages - 1)
    const first = this.page * ROWS
    const shown = rows.slice(first, first + ROWS)
    this.heads.forEach((head, i) => {
      if (i === this.by) head.setAttribute('aria-sort', this.descending ? 'descending' : 'ascending')
      else head.removeAttribute('aria-sort')
    })
    // A row that somebody is on stays the one that they are on.
    const focus = this.body.contains(document.activeElement) ? document.activeElement.dataset.key : null
    this.body.replaceChildren(...shown.map(row => this.line(row)))
    if (focus) this.body.querySelector(`[data-key="${CSS.escape(focus)}"]`)?.focus({ preventScroll: true })
    this.scroll.hidden = shown.length === 0
    this.nothing.textContent = shown.length > 0 ? '' : this.words && this.rows.length > 0 ? 'Nothing of this name.' : this.empty
    this.nothing.hidden = shown.length > 0
    this.pages.hidden = rows.length <= ROWS
    this.before.disabled = this.page === 0
    this.next.disabled = this.page === pages - 1
    this.count.textContent = `${first + 1} to ${first + shown.length} of ${rows.length}`
  }
}
