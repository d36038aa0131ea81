import { globSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { decodeLine } from '../../src/agents/events/decode.ts'
import { decode } from '../../src/agents/runtimes/claude/decode.ts'
import type { Event } from '../../src/protocol/index.ts'

const folder = fileURLToPath(new URL('../support/claude-samples', import.meta.url))

/** Lines that Claude Code has written, parsed. */
export const recordedLines: readonly Record<string, unknown>[] = globSync('*.jsonl', { cwd: folder })
  .sort()
  .flatMap((file) => readFileSync(join(folder, file), 'utf8').split('\n'))
  .flatMap((line) => {
    try {
      return [JSON.parse(line) as Record<string, unknown>]
    } catch {
      return []
    }
  })

/** The events that the daemon reads from these lines. */
export const recordedEvents: readonly Event[] = recordedLines.flatMap((line) =>
  decodeLine(Buffer.from(JSON.stringify(line)), 0, decode),
)
