import assert from 'node:assert/strict'
import { test } from 'node:test'
import { acceptedFormat, exposition } from '../../../src/metrics/exposition.ts'
import { Counter, gauge, Histogram } from '../../../src/metrics/families.ts'

test('a counter has only the labels of its vocabulary, so that peers cannot create series', () => {
  const counter = new Counter('x_things', 'Things.', { kind: ['a', 'b'] })
  for (const kind of ['a', 'b', 'a', 'evil"\n1', '']) counter.add({ kind })
  counter.add({ kind: 'a' }, -5)
  counter.add({ kind: 'a' }, Number.NaN)
  assert.equal(
    exposition([counter.family()], 'openmetrics'),
    `# HELP x_things Things.
# TYPE x_things counter
x_things_total{kind="a"} 2
x_things_total{kind="b"} 1
x_things_total{kind="other"} 2
# EOF
`,
  )
})

test('the formats differ in the names of counters and in their end', () => {
  const counter = new Counter('x_things', 'Says "a\\b".', {})
  assert.equal(
    exposition([counter.family(), gauge('x_level', 'Level.', 1.5)], 'prometheus'),
    `# HELP x_things_total Says "a\\\\b".
# TYPE x_things_total counter
x_things_total 0
# HELP x_level Level.
# TYPE x_level gauge
x_level 1.5
`,
  )
  assert.match(exposition([counter.family()], 'openmetrics'), /Says \\"a\\\\b\\"\.\n/)
})

test('the buckets of a histogram are cumulative', () => {
  const histogram = new Histogram('x_seconds', 'Times.', [0.5, 1])
  for (const value of [0.1, 0.5, 0.7, 9]) histogram.observe(value)
  const lines = exposition([histogram.family()], 'openmetrics').split('\n')
  assert.deepEqual(lines.slice(2, -2), [
    'x_seconds_bucket{le="0.5"} 2',
    'x_seconds_bucket{le="1.0"} 3',
    'x_seconds_bucket{le="+Inf"} 4',
    'x_seconds_sum 10.3',
    'x_seconds_count 4',
  ])
})

test('a client gets OpenMetrics only if it accepts it', () => {
  assert.equal(acceptedFormat('application/openmetrics-text;version=1.0.0;q=0.8,text/plain'), 'openmetrics')
  assert.equal(acceptedFormat('text/plain, application/openmetrics-text'), 'openmetrics')
  for (const accept of [undefined, '*/*', 'text/plain', 'application/openmetrics-text;q=0'])
    assert.equal(acceptedFormat(accept), 'prometheus', accept)
})
