import type { Distribution, Family, Sample } from './family-schema.ts'

/** Format of metrics: OpenMetrics 1.0, or the older text format of Prometheus. */
export type MetricsFormat = 'openmetrics' | 'prometheus'

export const CONTENT_TYPES: Readonly<Record<MetricsFormat, string>> = {
  openmetrics: 'application/openmetrics-text; version=1.0.0; charset=utf-8',
  prometheus: 'text/plain; version=0.0.4; charset=utf-8',
}

/** Returns the format that a client accepts: OpenMetrics if the header `Accept` names it. */
export const acceptedFormat = (accept: string | undefined): MetricsFormat =>
  /(^|,)\s*application\/openmetrics-text\b(?![^,]*;\s*q=0(\.0+)?\s*(,|$))/i.test(accept ?? '')
    ? 'openmetrics'
    : 'prometheus'

/** Returns metrics as text. */
export function exposition(families: readonly Family[], format: MetricsFormat): string {
  const lines = families.flatMap((family) => linesOf(family, format))
  if (format === 'openmetrics') lines.push('# EOF')
  return `${lines.join('\n')}\n`
}

/** Suffixes of the lines with values. In OpenMetrics, a metric's own name has no suffix. */
const SUFFIXES: Readonly<Partial<Record<Family['type'], string>>> = { counter: '_total', info: '_info' }

function linesOf(family: Family, format: MetricsFormat): string[] {
  const { name, help, type } = family
  const full = `${name}${SUFFIXES[type] ?? ''}`
  const isOpen = format === 'openmetrics'
  const head = isOpen ? name : full
  const values =
    family.type === 'histogram'
      ? bucketLines(name, family.distribution)
      : family.samples.map((sample) => sampleLine(full, sample))
  return [
    `# HELP ${head} ${isOpen ? quotable(help) : backslashes(help)}`,
    `# TYPE ${head} ${type === 'info' && !isOpen ? 'gauge' : type}`,
    ...values,
  ]
}

const bucketLines = (name: string, { buckets, sum, count }: Distribution): string[] => [
  ...buckets.map((bucket) =>
    sampleLine(`${name}_bucket`, { labels: { le: decimal(bucket.upTo) }, value: bucket.count }),
  ),
  sampleLine(`${name}_bucket`, { labels: { le: '+Inf' }, value: count }),
  sampleLine(`${name}_sum`, { value: sum }),
  sampleLine(`${name}_count`, { value: count }),
]

function sampleLine(name: string, { labels = {}, value }: Sample): string {
  const pairs = Object.entries(labels).map(([label, text]) => `${label}="${quotable(text)}"`)
  return `${name}${pairs.length > 0 ? `{${pairs.join(',')}}` : ''} ${value}`
}

/** OpenMetrics writes the bounds of buckets as decimal fractions: `1.0`, not `1`. */
const decimal = (bound: number) => (Number.isInteger(bound) ? `${bound}.0` : String(bound))

const backslashes = (text: string) => text.replace(/\\/g, '\\\\').replace(/\n/g, '\\n')
const quotable = (text: string) => backslashes(text).replace(/"/g, '\\"')
