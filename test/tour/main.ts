/**
 * Draws the picture of the tour in the README: run `npm run tour` after a change of the tour or of its
 * output.
 */
import { readFileSync, writeFileSync } from 'node:fs'
import { commandsOfTour } from './commands.ts'
import { picture } from './picture.ts'
import { COLUMNS, record } from './record.ts'

const root = new URL('../../', import.meta.url)
const cleanups: (() => void | Promise<void>)[] = []
try {
  const commands = commandsOfTour(readFileSync(new URL('README.md', root), 'utf8'))
  const screens = await record({ after: (cleanup) => cleanups.push(cleanup) }, commands)
  const title =
    'A terminal: an agent describes a project, asks before it edits a file, is stopped and resumed, and asks a question'
  writeFileSync(new URL('src/cli/tour.svg', root), picture(screens, { title, columns: COLUMNS }))
} finally {
  for (let cleanup = cleanups.pop(); cleanup; cleanup = cleanups.pop()) await cleanup()
}
