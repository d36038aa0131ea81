import { startHub } from '../../src/hub/hub.ts'
import { createLogger } from '../../src/platform/log.ts'

// A hub in a separate process, which a test can kill. The hub prints its address.
const logger = createLogger({ level: 'warn', stderr: 'text' })
const hub = await startHub({ dir: process.argv[2]!, host: '127.0.0.1', port: 0, logger })
process.stdout.write(`${hub.url}\n`)
