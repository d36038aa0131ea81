import type { TestEvent } from 'node:test/reporters'

interface Done {
  name: string
  seconds: number
  passed: boolean
}

/** A reporter of node:test: a table of what took how long. */
export default async function* durations(source: AsyncIterable<TestEvent>): AsyncGenerator<string> {
  const done: Done[] = []
  for await (const { type, data } of source) {
    if ((type !== 'test:pass' && type !== 'test:fail') || data.nesting > 0) continue
    const seconds = data.details.duration_ms / 1000
    done.push({ name: data.name, seconds, passed: type === 'test:pass' })
  }
  const rows = done.map(
    ({ name, seconds, passed }) =>
      `${seconds.toFixed(1).padStart(8)} s  ${passed ? 'ok  ' : 'FAIL'}  ${name}`,
  )
  const sum = done.reduce((total, { seconds }) => total + seconds, 0)
  yield `\n${rows.join('\n')}\n${sum.toFixed(1).padStart(8)} s        all of it\n`
}
