import { execFileSync } from 'node:child_process'
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { type Cleanup, tempDir } from './temp.ts'

/** Runs promtool, which the package `prometheus` contains. @throws if promtool finds a fault */
export const promtool = (args: string[], input = '') =>
  execFileSync('promtool', args, { input, encoding: 'utf8', stdio: 'pipe' })

/**
 * Has Prometheus parse metrics in OpenMetrics. promtool reads this format only to make blocks of values with times,
 * so this function adds a time to each value.
 */
export function parseOpenMetrics(t: Cleanup, text: string) {
  const dir = tempDir(t)
  const now = Math.floor(Date.now() / 1000)
  writeFileSync(join(dir, 'metrics'), text.replace(/^([^#\n].*)$/gm, `$1 ${now}`))
  promtool(['tsdb', 'create-blocks-from', 'openmetrics', join(dir, 'metrics'), join(dir, 'blocks')])
}

/** Returns the value of a line of metrics; undefined if there is no such line. */
export function metricIn(text: string, series: string): number | undefined {
  const line = text.split('\n').find((each) => each.startsWith(`${series} `))
  return line === undefined ? undefined : Number(line.slice(series.length + 1))
}
