import assert from 'node:assert/strict'
import { execFileSync } from 'node:child_process'
import { test } from 'node:test'
import { oldestNode } from '../../support/nodes.ts'

test('the free memory that Node reports includes caches, even in the oldest supported version of Node', async () => {
  // Other programs change the free memory all the time. The program therefore compares the values only if the
  // available memory was the same before and after it called `freemem`.
  const program = `
    const { readFileSync } = require('node:fs')
    const { freemem } = require('node:os')
    const available = () => /^MemAvailable:\\s+(\\d+) kB$/m.exec(readFileSync('/proc/meminfo', 'utf8'))[1] * 1024
    for (;;) {
      const before = available()
      const free = freemem()
      if (before !== available()) continue
      console.log(free === before)
      break
    }`
  for (const node of [process.execPath, await oldestNode()])
    assert.equal(execFileSync(node, ['-e', program], { encoding: 'utf8', timeout: 30_000 }), 'true\n')
})
