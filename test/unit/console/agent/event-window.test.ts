import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { isBefore } from '../../../../src/client/event-id.ts'
import { EventWindow } from '../../../../src/console/agent/event-window.ts'
import type { Event } from '../../../../src/protocol/events.ts'

const KINDS = ['text', 'thinking'] as const
const PARENTS = [undefined, 'sub-agent'] as const

/** Events as runtimes send them: the agent and its sub-agent write one block at a time, and may be interrupted. */
const history = fc
  .array(
    fc.record({
      who: fc.constantFrom(0, 1),
      does: fc.constantFrom('piece', 'piece', 'piece', 'finish', 'abandon', 'user', 'turn_result', 'restart'),
      text: fc.string({ maxLength: 3 }),
    }),
    { maxLength: 60 },
  )
  .map((steps) => {
    const writers = PARENTS.map((parent_tool_use_id) => ({
      parent_tool_use_id,
      message: 0,
      block: 0,
      pieces: 0,
    }))
    const abandon = (writer: (typeof writers)[number]) =>
      Object.assign(writer, { block: 0, pieces: 0, message: writer.message + 1 })
    return steps.flatMap(({ who, does, text }, n) => {
      const writer = writers[who]!
      const { parent_tool_use_id, message, block } = writer
      const base = { offset: n * 10, index: 0, parent_tool_use_id, message_id: `m-${message}` }
      const kind = KINDS[block % 2]
      if (does === 'piece') {
        writer.pieces++
        return [{ ...base, kind: `${kind}_delta`, block, text } as Event]
      }
      if (does === 'finish' && writer.pieces > 0) {
        Object.assign(writer, { block: block + 1, pieces: 0 })
        return [{ ...base, kind, text } as Event]
      }
      for (const each of does === 'restart' ? writers : does === 'user' || does === 'finish' ? [] : [writer])
        abandon(each)
      if (does === 'abandon' || does === 'finish') return []
      return [{ ...base, kind: does === 'restart' ? 'process_started' : does } as unknown as Event]
    })
  })

const isPiece = ({ kind }: Event) => kind.endsWith('_delta')

function windowOf(events: Event[]): EventWindow {
  const window = new EventWindow()
  for (const event of events) window.append(event)
  return window
}

test('a window that was read backward in pages equals a window that was read forward', () => {
  fc.assert(
    fc.property(history, fc.array(fc.nat(60), { maxLength: 5 }), (events, cuts) => {
      const whole = windowOf(events)
      const places = [...cuts.filter((cut) => cut < events.length).sort((a, b) => b - a), 0]
      let end = events.length
      const window = new EventWindow()
      for (const [n, cut] of places.entries()) {
        if (n % 2 === 0 && end === events.length) for (const event of events.slice(cut)) window.append(event)
        else window.prepend(events.slice(cut, end))
        end = cut
      }
      assert.deepEqual(window.events, whole.events)
      assert.equal(window.last?.offset, whole.last?.offset)
    }),
    { numRuns: 1000 },
  )
})

test('events that were dropped at either end can be read again, and the window is then as before', () => {
  fc.assert(
    fc.property(history, fc.integer({ min: 1, max: 60 }), fc.nat(59), (events, most, at) => {
      const window = windowOf(events)
      const whole = window.events
      const { front, back } = window.trim({ events: most, bytes: 1e9 }, events[at])
      assert.ok(window.size <= Math.max(most, 1) || (front && window.size <= whole.length))
      const { first, last } = window
      if (back) for (const event of events) if (last && isBefore(last, event)) window.append(event)
      if (front && first) window.prepend(events.filter((event) => isBefore(event, first)))
      const finished = (all: readonly Event[]) => all.filter((event) => !isPiece(event))
      assert.deepEqual(finished(window.events), finished(whole))
      // Only an unfinished block that is longer than the window may lack pieces, and no piece is there twice.
      if (!front) assert.deepEqual(window.events, whole)
      for (const event of window.events.filter(isPiece))
        assert.ok(
          whole.some((other) => 'text' in other && 'text' in event && other.text?.includes(event.text ?? '')),
        )
    }),
    { numRuns: 1000 },
  )
})

test('the pieces of a block become one event, which the finished block replaces', () => {
  const piece = { kind: 'text_delta', message_id: 'm', block: 0, index: 0 } as const
  const window = windowOf([
    { ...piece, offset: 0, text: 'a' },
    { kind: 'tool_progress', offset: 10, index: 0 },
    { ...piece, offset: 20, text: 'b' },
    { ...piece, offset: 30, text: 'other', parent_tool_use_id: 'sub' },
  ])
  const before = window.events
  assert.deepEqual(
    before.map((event) => ('text' in event ? [event.offset, event.text] : event.kind)),
    [[0, 'ab'], 'tool_progress', [30, 'other']],
  )
  window.append({ kind: 'text', message_id: 'm', offset: 40, index: 0, text: 'abc' })
  assert.deepEqual(
    window.events.map(({ offset }) => offset),
    [10, 30, 40],
  )
  // A page recognizes unchanged events.
  assert.equal(window.events[0], before[1])
})

test('a long unfinished block keeps its end', () => {
  const window = new EventWindow()
  for (let n = 0; n < 50; n++)
    window.append({
      kind: 'text_delta',
      message_id: 'm',
      block: 0,
      offset: n,
      index: 0,
      text: `${n}`.repeat(100_000),
    })
  const [event] = window.events
  assert.ok(event && 'text' in event && event.text?.endsWith('49') && event.text.length <= 2_000_000)
  assert.ok(window.bytes <= 5_000_000)
})
