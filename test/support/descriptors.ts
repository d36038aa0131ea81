// Needs: prlimit
import { execFileSync } from 'node:child_process'
import { closeSync, openSync } from 'node:fs'

/** Runs a function while this process cannot open files. */
export async function withoutDescriptors(run: () => void | Promise<void>) {
  const limit = (soft: string) => execFileSync('prlimit', [`--pid=${process.pid}`, `--nofile=${soft}:`])
  const before = execFileSync('prlimit', [
    `--pid=${process.pid}`,
    '--nofile',
    '--noheadings',
    '--output=SOFT',
  ])
  limit('128')
  const open: number[] = []
  try {
    for (;;) open.push(openSync('/dev/null', 'r'))
  } catch {
    await run()
  } finally {
    for (const fd of open) closeSync(fd)
    limit(before.toString().trim())
  }
}
