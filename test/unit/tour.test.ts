import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { homedir, hostname, tmpdir } from 'node:os'
import { test } from 'node:test'
import { faultOf } from '../support/commands-in-text.ts'
import { commandsOfTour } from '../tour/commands.ts'
import { BACKGROUND, COLORS, textOf } from '../tour/picture.ts'

const root = new URL('../../', import.meta.url)
const readme = readFileSync(new URL('README.md', root), 'utf8')
const svg = readFileSync(new URL('src/cli/tour.svg', root), 'utf8')
const shown = textOf(svg)

test('the picture of the tour shows the commands of the README, and no other commands', async () => {
  assert.match(readme, /!\[[^\]]+\]\(src\/cli\/tour\.svg\)/)
  const commands = commandsOfTour(readme)
  assert.deepEqual(
    shown.filter((line) => line.startsWith('$ ')).map((line) => line.slice(2)),
    commands,
  )
  assert.ok(commands.length > 0)
  for (const line of commands) assert.equal(await faultOf({ line, mentioned: false }), undefined)
})

test('the picture of the tour has no data of the machine on which it was drawn', () => {
  const text = shown.join('\n')
  for (const own of [tmpdir(), homedir(), hostname(), process.cwd(), '127.0.0.1', 'TEST'])
    assert.ok(!text.includes(own), own)
})

test('the picture of the tour is readable on a light page and on a dark page', () => {
  const [, width, height] = /viewBox="0 0 (\d+) (\d+)"/.exec(svg)!
  assert.ok(svg.includes(`<rect width="${width}" height="${height}" rx="8" fill="${BACKGROUND}"/>`))
  for (const color of Object.values(COLORS)) {
    assert.ok(svg.includes(color))
    assert.ok(contrast(color, BACKGROUND) >= 4.5, color)
  }
})

/** Returns the contrast of two colors as WCAG defines it. */
function contrast(one: string, other: string): number {
  const [dark = 0, light = 0] = [luminance(one), luminance(other)].sort((a, b) => a - b)
  return (light + 0.05) / (dark + 0.05)
}

function luminance(color: string): number {
  const [red = 0, green = 0, blue = 0] = [1, 3, 5]
    .map((at) => Number.parseInt(color.slice(at, at + 2), 16) / 255)
    .map((part) => (part <= 0.03928 ? part / 12.92 : ((part + 0.055) / 1.055) ** 2.4))
  return 0.2126 * red + 0.7152 * green + 0.0722 * blue
}
