import { chmodSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'

/**
 * Returns the environment of a shell with its home in `dir`, and with a stand-in for Claude Code that prints
 * its version and login.
 */
export function shellWithClaude(dir: string, { loggedIn = true } = {}) {
  const claude = join(dir, 'claude')
  const answer = JSON.stringify({ loggedIn })
  writeFileSync(
    claude,
    `#!/bin/sh\ncase $1 in --version) echo "2.1.330 (Claude Code)";; *) echo '${answer}';; esac\n`,
  )
  chmodSync(claude, 0o755)
  return {
    PATH: process.env.PATH,
    HOME: dir,
    FOMULAR_STATE_DIR: join(dir, 'state'),
    FOMULAR_CLAUDE_PATH: claude,
  }
}
