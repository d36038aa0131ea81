import { describe } from 'node:test'
import { leases } from './lease.ts'
import { links } from './link.ts'

// These wait for most of their time: all at once they take little longer than one.
describe('what takes its time', { concurrency: true }, () => {
  leases()
  links()
})
