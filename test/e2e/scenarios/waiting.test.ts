import { describe } from 'node:test'
import { leases } from './lease.ts'
import { links } from './link.ts'

// These tests mostly wait, so all tests together take little longer than a single test.
describe('slow scenarios', { concurrency: true }, () => {
  leases()
  links()
})
