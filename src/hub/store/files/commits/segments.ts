import { readdirSync } from 'node:fs'
import { join } from 'node:path'
import { ifPresent } from '../../../../platform/or-undefined.ts'

/** A file of the commit log. Later segments have higher numbers. */
export interface SegmentFile {
  path: string
  number: number
}

export const segmentFile = (dir: string, number: number): SegmentFile => ({
  path: join(dir, `${String(number).padStart(12, '0')}.log`),
  number,
})

/** Returns the segments in a folder, oldest first. @throws the system error */
export function segmentsIn(dir: string): SegmentFile[] {
  const names = ifPresent(() => readdirSync(dir)) ?? []
  return names
    .filter((name) => /^\d{12}\.log$/.test(name))
    .map((name) => segmentFile(dir, Number.parseInt(name, 10)))
    .sort((a, b) => a.number - b.number)
}
