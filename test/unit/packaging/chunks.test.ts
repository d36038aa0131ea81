import assert from 'node:assert/strict'
import { execFile } from 'node:child_process'
import { mkdirSync, readdirSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { describe, test } from 'node:test'
import { promisify } from 'node:util'
import { VERSION } from '../../../src/platform/version.ts'
import { oldestNode } from '../../support/nodes.ts'
import { programCopy } from '../../support/program-copy.ts'
import { tempDir } from '../../support/temp.ts'

const run = promisify(execFile)

describe('the program that npm installs', () => {
  test('the installed program has a small entry file, which prints the version without loading other files', async (t) => {
    const { dir, program } = programCopy(t)
    rmSync(join(dir, 'program'), { recursive: true })
    const text = readFileSync(program, 'utf8')
    assert.ok(text.startsWith('#!/usr/bin/env node\n') && text.length < 500, text)
    assert.equal((await run(process.execPath, [program, '--version'])).stdout, `${VERSION}\n`)
  })

  test('the code of the installed program stays readable, and contains no path of the machine that built it', (t) => {
    const { chunks } = programCopy(t)
    const texts = readdirSync(chunks)
      .filter((name) => name.endsWith('.js'))
      .map((name) => readFileSync(join(chunks, name), 'utf8'))
    const code = texts.join('\n')
    for (const line of [
      /^async function runDaemon\(config, \{ logger, .*\{$/m,
      /^ {2,}constructor\(options\) \{$/m,
      /^\/\/ src\/hub\/hub\.ts$/m,
    ])
      assert.match(code, line)
    // An older version that has no chunks copies these files in alphabetical order. The entry file looks for
    // the last file, which shows that the copy is complete.
    const names = readdirSync(chunks).filter((name) => name.endsWith('.js'))
    assert.equal(names.sort().at(-1), 'main.js')
    assert.ok(texts.length < 20, `${texts.length} chunks`)
    const long = code.split('\n').filter((line) => line.length > 5000)
    assert.deepEqual(
      long.map((line) => line.slice(0, 80)),
      [],
    )
    assert.ok(!code.includes(process.cwd()))
  })

  test('the code that every command loads contains the definitions of the commands, and of all libraries only commander', (t) => {
    const code = readFileSync(join(programCopy(t).chunks, 'command-line.js'), 'utf8')
    const libraries = [...code.matchAll(/^\/\/ node_modules\/((?:@[^/]+\/)?[^/]+)/gm)].map(([, name]) => name)
    assert.deepEqual([...new Set(libraries)], ['commander'])
    assert.doesNotMatch(code, /^\/\/ src\/(client|hub|daemon)\//m)
  })

  test('the installed program has source maps, so that a stack trace names a file and a line of the sources', async (t) => {
    const hook = join(tempDir(t), 'hook.cjs')
    writeFileSync(hook, "require('node:net').Server.prototype.listen = () => { throw new Error('no') }\n")
    const env = { PATH: process.env.PATH, HOME: tempDir(t) }
    const args = ['--enable-source-maps', '--require', hook, programCopy(t).program, 'hub', '--port', '0']
    await assert.rejects(run(process.execPath, args, { env }), ({ stderr }: { stderr: string }) => {
      const [, file = '', line] = /\((\S+\/src\/hub\/[\w/-]+\.ts):(\d+):\d+\)/.exec(stderr) ?? []
      const source = readFileSync(file.replace(/^.*(?=\/src\/)/, process.cwd()), 'utf8').split('\n')
      assert.match(source[Number(line) - 1] ?? '', /listen\(/, stderr)
      return true
    })
  })

  test('the installed program runs on the oldest supported Node, and during an update that has replaced only the entry file', async (t) => {
    const { dir, program } = programCopy(t)
    const staged = join(dir, `../.update/${VERSION}/dist`)
    mkdirSync(dirname(join(staged, 'program')), { recursive: true })
    renameSync(join(dir, 'program'), join(staged, 'program'))
    for (const node of [process.execPath, await oldestNode()])
      assert.match((await run(node, [program, '--help'])).stdout, /^Usage: fomular-daemon/)
  })
})
