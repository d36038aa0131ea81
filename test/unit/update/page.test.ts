import assert from 'node:assert/strict'
import { globSync, readFileSync } from 'node:fs'
import { basename } from 'node:path'
import { test } from 'node:test'
import { fileURLToPath } from 'node:url'
import { type Phase, type Stimulus, step } from '../../../src/update/states.ts'

const src = new URL('../../../src/update/', import.meta.url)
const page = readFileSync(new URL('README.md', src), 'utf8')

/** Returns the cells of the tables in a section, row by row. */
const cells = (section: string) =>
  [
    ...page
      .split(`\n## ${section}\n`)[1]!
      .split('\n## ')[0]!
      .matchAll(/^\|(.*)\|$/gm),
  ].map(([, row]) => row!.split('|').map((cell) => cell.trim()))
const names = (text: string) => [...text.matchAll(/`([^`]+)`/g)].map(([, name]) => name!)

test('the map in src/update/README.md names every source file in src/update once, and no other file', () => {
  const mapped = cells('Map').flatMap(([files = '']) => names(files))
  const files = globSync('**/*.ts', { cwd: fileURLToPath(src) }).map((file) => basename(file))
  assert.deepEqual(mapped.sort(), files.sort())
})

test('the table of phases has every phase of an update, with every phase that can follow it', () => {
  const stimuli: Stimulus[] = [
    'present',
    'switched',
    'started',
    'welcomed',
    'refused',
    'timed_out',
    'stopped',
    'guard_gave_up',
    'broken',
    'restored',
  ]
  const told = new Map<Phase, Phase[]>()
  let phase: Phase | undefined
  for (const [first = '', , , next = ''] of cells('Phases').slice(2)) {
    phase = (names(first)[0] as Phase | undefined) ?? phase
    told.set(phase!, [...(told.get(phase!) ?? []), ...(names(next) as Phase[])])
  }
  for (const [from, followers] of told) {
    const real = new Set(stimuli.map((stimulus) => step(from, stimulus)).filter((to) => to !== from))
    assert.deepEqual(followers.sort(), [...real].sort(), from)
  }
  assert.equal(told.size, 7)
})
