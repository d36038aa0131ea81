// Needs: /usr/lib/*/libatomic.so.1
import { test } from 'node:test'
import { TestRegistry } from '../support/registry.ts'
import { updateOnNode } from '../support/update-on-node.ts'

const NODES = [
  ['18.19.1', '10.9.9'],
  ['20.20.2', '10.9.9'],
  ['22.23.2', '10.9.9'],
  ['24.21.0', '11.6.2'],
  ['26.10.0', '11.6.2'],
] as const

const registry = await TestRegistry.shared()
await registry.release({ version: '1.0.0' })
await registry.release({ version: '1.1.0' })

for (const [node, npm] of NODES)
  test(`the program installs, starts, and updates on Node ${node}`, (t) =>
    updateOnNode(t, registry, node, npm))
