// SPDX-License-Identifier: Apache-2.0
// What amounts and times look like. Amounts are whole units in strings, and never floating-point numbers.

export function coins (units, scale) {
  const negative = units.startsWith('-')
  let digits = negative ? units.slice(1) : units
  let part = ''
  if (scale > 0) {
    digits = digits.padStart(scale + 1, '0')
    part = '.' + digits.slice(-scale)
    digits = digits.slice(0, -scale)
  }
  return (negative ? '\u2212' : '') + digits.replace(/\B(?=(\d{3})+$)/g, '\u202f') + part
}

// Without the zeros at its end.
export function whole (units, scale) {
  const text = coins(units, scale)
  return text.includes('.') ? text.replace(/\.?0+$/, '') : text
}

export function count (n) {
  return String(Math.round(n)).replace(/\B(?=(\d{3})+$)/g, '\u202f')
}

export function rate (n) {
  return n === 0 ? '0' : n < 10 ? n.toFixed(1) : count(n)
}

export function ms (n) {
  return n === null || n === undefined ? '–' : n < 10 ? n.toFixed(2) : n < 100 ? n.toFixed(1) : count(n)
}

export function clock (date) {
  return date.toLocaleTimeString([], { hour: '2-digit', minute: '2-digit', second: '2-digit', hour12: false })
}

export function when (text) {
  const date = new Date(text)
  return date.toDateString() === new Date().toDateString() ? clock(date) : date.toISOString().slice(0, 10) + ' ' + clock(date)
}

// How much of what an account may owe it owes, what is held counted: from 0 to 1; null: there is no limit.
export function used (account) {
  if (account.credit === null) return null
  const owed = BigInt(account.held) - BigInt(account.balance)
  const credit = BigInt(account.credit)
  if (owed <= 0n) return 0
  return credit === 0n || owed >= credit ? 1 : Number(owed * 1000n / credit) / 1000
}

export function compare (a, b) {
  if (typeof a === 'string') return a < b ? -1 : a > b ? 1 : 0
  return a < b ? -1 : a > b ? 1 : 0
}

// Of a value with so many digits behind the point, as one that can be compared with values of other scales.
export function worth (units, scale) {
  return BigInt(units) * 10n ** BigInt(Math.max(0, 30 - scale))
}
