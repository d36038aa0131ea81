import type { TestEvent } from 'node:test/reporters'

interface Done {
  name: string
  seconds: number
  passed: boolean
}

function table(done: readonly Done[]): string {
  const rows = done.map(
    ({ name, seconds, passed }) =>
      `${seconds.toFixed(1).padStart(8)} s  ${passed ? 'ok  ' : 'FAIL'}  ${name}\n`,
  )
  const sum = done.reduce((total, { seconds }) => total + seconds, 0)
  return `\n${rows.join('')}${sum.toFixed(1).padStart(8)} s        total\n`
}

/**
 * Reporter for node:test that prints a table of durations. After Ctrl-C, the table has only the tests that
 * have ended.
 */
export default async function* durations(source: AsyncIterable<TestEvent>): AsyncGenerator<string> {
  const done: Done[] = []
  for await (const { type, data } of source) {
    // Node ends right after this event.
    if (type === 'test:interrupted') yield `${table(done)}Interrupted: the table is not complete.\n`
    if ((type !== 'test:pass' && type !== 'test:fail') || data.nesting > 0) continue
    const seconds = data.details.duration_ms / 1000
    done.push({ name: data.name, seconds, passed: type === 'test:pass' })
  }
  yield table(done)
}
