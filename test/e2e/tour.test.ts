import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { test } from 'node:test'
import { commandsOfTour } from '../tour/commands.ts'
import { picture, textOf } from '../tour/picture.ts'
import { COLUMNS, record } from '../tour/record.ts'

const root = new URL('../../', import.meta.url)
const read = (path: string) => readFileSync(new URL(path, root), 'utf8')

/** Returns the text of a picture without the details that depend on the version of Claude Code. */
const lines = (svg: string) =>
  textOf(svg).map((line) => line.replace(/\$\d[\d.]*/g, 'COST').replace(/claude-[^,]+/, 'MODEL'))

test('the commands of the tour print what the picture in the README shows', async (t) => {
  const screens = await record(t, commandsOfTour(read('README.md')))
  const drawn = picture(screens, { title: '', columns: COLUMNS })
  assert.deepEqual(lines(drawn), lines(read('src/cli/tour.svg')), 'Draw it again: npm run tour')
})
