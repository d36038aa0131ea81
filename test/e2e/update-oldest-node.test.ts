import { test } from 'node:test'
import { TestRegistry } from '../support/registry.ts'
import { updateOnNode } from '../support/update-on-node.ts'

// A short form of `npm run test:update-nodes`.
const registry = await TestRegistry.shared()
await registry.release({ version: '1.0.0' })
await registry.release({ version: '1.1.0' })

test('a daemon installs, starts, and updates on the oldest Node with its npm', (t) =>
  updateOnNode(t, registry, '18.19.1', '10.9.9'))
