import assert from 'node:assert/strict'
import { test } from 'node:test'
import { DebouncedWriter } from '../../../../../src/hub/store/files/debounced-writer.ts'
import { createLogger } from '../../../../../src/platform/log.ts'
import { ManualClock } from '../../../../support/manual-clock.ts'

const logger = createLogger({ level: 'silent', stderr: 'none' })
const NAMES = Array.from({ length: 10 }, (_, n) => `status ${n}`)

/** A clock that also advances during writes. */
class SlowDisk extends ManualClock {
  #spent = 0

  override monotonic() {
    return super.monotonic() + this.#spent
  }

  write() {
    this.#spent += 15
  }
}

test('constantly changing values are written once per round, with a second between rounds', () => {
  const clock = new SlowDisk()
  const saver = new DebouncedWriter({ clock, logger })
  const written: string[] = []
  const pass = (ms: number) => {
    for (let passed = 0; passed < ms; passed += 10) {
      for (const name of NAMES)
        saver.later(name, () => {
          clock.write()
          written.push(name)
        })
      clock.pass(10)
    }
  }
  pass(1000)
  assert.ok(written.length < 5, 'others come between')
  pass(500)
  assert.deepEqual(written, NAMES)
  pass(1500)
  assert.deepEqual(written, [...NAMES, ...NAMES])
  saver.close()
})

test('a failing write does not prevent other writes', () => {
  const clock = new SlowDisk()
  const saver = new DebouncedWriter({ clock, logger })
  const written: string[] = []
  let tries = 0
  saver.later('broken', () => {
    clock.write()
    tries++
    throw new Error('no')
  })
  for (const name of NAMES)
    saver.later(name, () => {
      clock.write()
      written.push(name)
    })
  clock.pass(1500)
  assert.deepEqual([written, tries], [NAMES, 1])
  clock.pass(1000)
  assert.equal(tries, 2)
  saver.now('broken', () => {})
  saver.close()
  assert.equal(tries, 2)
})
