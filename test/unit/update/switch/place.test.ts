import assert from 'node:assert/strict'
import { mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { test } from 'node:test'
import { copyPackage, keepNext, tidy } from '../../../../src/update/switch/place.ts'
import { tempDir } from '../../../support/temp.ts'

function put(dir: string, files: Record<string, string>) {
  for (const [path, text] of Object.entries(files)) {
    mkdirSync(dirname(join(dir, path)), { recursive: true })
    writeFileSync(join(dir, path), text)
  }
}

const version = (name: string) => ({
  'dist/index.js': `require('./program/${name}/main.js')`,
  [`dist/program/${name}/main.js`]: name,
  'README.md': `about ${name}`,
})

test('a package has the chunks of the next version before its entry, and those of the previous one after it', (t) => {
  const root = tempDir(t)
  const next = join(root, '.update/3.0.0')
  put(root, { ...version('second'), 'dist/program/first/main.js': 'first' })
  put(next, version('third'))
  copyPackage(root)
  const place = { layout: 'package', root, program: 'dist/index.js', next } as const
  keepNext(place)
  const read = (path: string) => readFileSync(join(root, path), 'utf8')
  assert.match(read('dist/index.js'), /third/)
  assert.equal(read('dist/program/third/main.js'), 'third')
  assert.equal(read('README.md'), 'about second')
  tidy(place)
  assert.equal(read('README.md'), 'about third')
  assert.deepEqual(readdirSync(join(root, 'dist/program')).sort(), ['second', 'third'])
  assert.deepEqual(readdirSync(join(root, '.update')), ['previous'])
})
