import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { test } from 'node:test'

const src = new URL('../../src/', import.meta.url)
const page = readFileSync(new URL('README.md', src), 'utf8')
const trips = page.slice(page.indexOf('\n## Four trips\n'))

/** Matches the declaration of a function, a class, an interface, or a constant. */
const declaration = (name: string) =>
  new RegExp(
    `^(?:export )?(?:abstract )?(?:async )?(?:function\\*?|class|interface|const|type) ${name}\\b`,
    'm',
  )
/** Matches a method or an accessor of a class, or a member of an interface. */
const member = (name: string) => new RegExp(`^  (?:async |get |readonly )*${name}[(<:]`, 'm')

test('the four trips through the code name files and declarations that exist', () => {
  const named = [...trips.matchAll(/`([\w/.-]+\.ts)` `(\w+)(?:\.(\w+))?`/g)]
  assert.ok(named.length > 40, `${named.length}`)
  for (const [step, file, name, part] of named) {
    const text = readFileSync(new URL(file!, src), 'utf8')
    assert.match(text, declaration(name!), step)
    if (part !== undefined) assert.match(text, member(part), step)
  }
})
