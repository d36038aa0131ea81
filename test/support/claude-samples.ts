import { readdirSync, readFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'

const dir = fileURLToPath(new URL('claude-samples', import.meta.url))

export interface Recording {
  name: string
  /** Lines that the agent wrote. */
  out: string[]
  /** Messages that the agent received. */
  in: Record<string, unknown>[]
  /** The events, reviewed by a person, one a line. */
  expected: string
}

/** Returns recorded conversations with the real Claude Code. */
export const recordings = (): Recording[] =>
  readdirSync(dir)
    .filter((file) => file.endsWith('.jsonl'))
    .map((file) => {
      const entries = readFileSync(`${dir}/${file}`, 'utf8').trimEnd().split('\n')
      const messages = (direction: string) =>
        entries
          .map((entry) => JSON.parse(entry))
          .filter((entry) => entry.dir === direction)
          .map((entry) => entry.msg)
      const name = file.slice(0, -'.jsonl'.length)
      return {
        name,
        out: messages('out').map((message) => JSON.stringify(message)),
        in: messages('in'),
        expected: readFileSync(`${dir}/${name}.events.txt`, 'utf8'),
      }
    })
