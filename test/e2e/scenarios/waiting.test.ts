import { describe } from 'node:test'
import { leases } from './lease.ts'
import { links } from './link.ts'

// These tests mostly wait, so together they take little longer than one.
describe('slow scenarios', { concurrency: true }, () => {
  leases()
  links()
})
