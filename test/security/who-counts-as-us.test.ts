// Needs: root, mount, unshare
import assert from 'node:assert/strict'
import { execFileSync } from 'node:child_process'
import {
  chmodSync,
  chownSync,
  lchownSync,
  mkdirSync,
  readFileSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs'
import { dirname, join } from 'node:path'
import { test } from 'node:test'
import { examine } from '../../src/cli/doctor/examine.ts'
import { connectDaemon } from '../../src/cli/local/index.ts'
import { judgeFolder } from '../../src/config/ownership-policy.ts'
import { faultsOf } from '../../src/platform/ownership.ts'
import { asUser } from '../support/as-user.ts'
import { NOBODY, toOther } from '../support/foreign-files.ts'
import { shellWithClaude } from '../support/shell-with-claude.ts'
import { tempDir } from '../support/temp.ts'

test('a path is safe only if every folder and link on it is safe', (t) => {
  const dir = tempDir(t)
  const own = join(dir, 'own')
  mkdirSync(join(own, 'state'), { recursive: true })
  assert.deepEqual(faultsOf(join(own, 'state')), [])
  assert.deepEqual(faultsOf(join(own, 'not/there/yet')), [])
  const shared = join(dir, 'shared')
  mkdirSync(shared)
  chmodSync(shared, 0o777)
  symlinkSync(join(own, 'state'), join(shared, 'link'))
  const kinds = (path: string) => faultsOf(path).map(({ path, kind }) => [path, kind])
  assert.deepEqual(kinds(join(shared, 'link')), [[shared, 'mode']])
  symlinkSync('shared/link', join(dir, 'second'))
  assert.deepEqual(kinds(join(dir, 'second/further')), [[shared, 'mode']])
  chmodSync(shared, 0o1777)
  assert.deepEqual(kinds(join(dir, 'second')), [])
  // The sticky bit does not make the folder itself safe, because everyone can put files into it.
  assert.deepEqual(kinds(shared), [[shared, 'mode']])
  lchownSync(join(shared, 'link'), NOBODY, NOBODY)
  assert.deepEqual(kinds(join(dir, 'second')), [[join(shared, 'link'), 'owner']])
})

test('a group counts as this user’s own if it has no other member', (t) => {
  const dir = tempDir(t)
  const file = join(dir, 'config.toml')
  writeFileSync(file, '')
  const kindsOf = (gid: number, user = 0) => {
    chownSync(file, user, gid)
    chmodSync(file, 0o660)
    return faultsOf(file, user).map(({ kind }) => kind)
  }
  const accounts = readFileSync('/etc/passwd', 'utf8')
    .split('\n')
    .map((line) => line.split(':').slice(2, 4).map(Number))
  const ofGroup = (gid: number) => accounts.filter(([, group]) => group === gid).map(([uid]) => uid!)
  const [alone] = accounts.find(([uid = 0, gid = 0]) => uid > 0 && gid === uid && ofGroup(gid).length === 1)!
  assert.deepEqual(kindsOf(0), [])
  assert.deepEqual(kindsOf(alone!), ['mode'])
  assert.deepEqual(kindsOf(alone!, alone), [])
  // This group has no name: it may be the group of a container's volume, or another user's group.
  assert.deepEqual(kindsOf(61_234), ['mode'])
  const module = new URL('../../src/platform/ownership.ts', import.meta.url)
  const look = `import { faultsOf } from ${JSON.stringify(module)}; console.log(faultsOf(${JSON.stringify(file)}).length)`
  const said = execFileSync(process.execPath, ['--input-type=module', '-e', look], { gid: 61_234 })
  assert.equal(String(said).trim(), '0')
})

test("root's group counts as this user's own if no other member can log in", (t) => {
  const dir = tempDir(t)
  const file = join(dir, 'config.toml')
  writeFileSync(file, '')
  chmodSync(file, 0o660)
  const look = `import { faultsOf } from 'SRC/platform/ownership.ts'; console.log(faultsOf(${JSON.stringify(file)}).length)`
  const ROOT = 'root:x:0:0::/root:/bin/sh'
  const faults = (passwd: string[], members = '', ids = { uid: 0, gid: 0 }) => {
    writeFileSync(join(dir, 'passwd'), `${[ROOT, ...passwd].join('\n')}\n`)
    writeFileSync(join(dir, 'group'), `root:x:0:${members}\n`)
    const bind = 'for name in passwd group; do mount --bind "$0/$name" "/etc/$name"; done; exec "$@"'
    return Number(asUser(ids, look, ['unshare', '--mount', 'sh', '-euc', bind, dir]))
  }
  // RHEL's accounts.
  const services = [
    'sync:x:5:0::/sbin:/bin/sync',
    'halt:x:7:0::/sbin:/sbin/halt',
    'operator:x:11:0::/root:/sbin/nologin',
  ]
  assert.equal(faults(services, 'root,operator'), 0)
  assert.equal(faults([...services, 'eve:x:1001:0::/home/eve:/bin/bash']), 1)
  assert.equal(faults([...services, 'eve:x:1001:0::/home/eve:']), 1)
  assert.equal(faults(['eve:x:1001:1001::/home/eve:/bin/bash'], 'eve'), 1)
  // A member whose account is only in a directory service also counts, because this user may be able to log
  // in.
  assert.equal(faults(services, 'somebody'), 1)
  chmodSync(dir, 0o755)
  assert.equal(faults(['eve:x:1001:0::/home/eve:/bin/bash'], '', { uid: 1001, gid: 0 }), 0)
  assert.equal(faults(['app:x:1001:0::/app:/bin/bash'], '', { uid: 12_345, gid: 0 }), 0)
  assert.equal(faults(['eve:x:1001:0::/home/eve:/bin/bash'], '', { uid: 12_345, gid: 12_345 }), 1)
})

test("a volume that belongs to root and root's group is accepted, because Kubernetes mounts such volumes", (t) => {
  const volume = join(tempDir(t), 'volume')
  mkdirSync(volume)
  chmodSync(dirname(volume), 0o755)
  const ids = { uid: 12_345, gid: 61_234 }
  const use = `
    import { ensurePrivateDir } from 'SRC/platform/files.ts'
    import { faultsOf } from 'SRC/platform/ownership.ts'
    import { checkOwner } from 'SRC/config/server-owner.ts'
    import { keepIdentity, keptIdentity } from 'SRC/config/kept-identity.ts'
    const volume = ${JSON.stringify(volume)}
    const outcome = () => {
      try {
        checkOwner(1, 'ws://127.0.0.1:9', { file: volume + '/servers.json', notice() {} })
        const key = { key: 'k', file: volume + '/key' }
        keepIdentity(key, 'm', volume)
        ensurePrivateDir(volume)
        return [faultsOf(volume).length, keptIdentity(key)?.machine_id].join()
      } catch (error) {
        return error.code
      }
    }
    console.log(outcome())
  `
  chownSync(volume, 0, ids.gid)
  chmodSync(volume, 0o2775)
  assert.equal(asUser(ids, use).trim(), '0,m')
  const examined = `
    import { checkFolder } from 'SRC/cli/doctor/state.ts'
    const dir = ${JSON.stringify(volume)}
    console.log((await checkFolder({ dir, agents: dir + '/agents' })).map(({ level }) => level).join())
  `
  assert.equal(asUser(ids, examined).trim(), 'ok')
  // The state folder contains the record of the server's owner.
  assert.equal(asUser(ids, use.replace('checkOwner(1', 'checkOwner(2')).trim(), 'server_foreign')
  chmodSync(volume, 0o2755)
  assert.equal(asUser(ids, use).trim(), 'server_foreign')
  assert.equal(asUser(ids, use.replace(/.*checkOwner\(.*/, '')).trim(), 'folder_unusable')
})

test('a state folder must belong to the user of the daemon that uses it', (t) => {
  const dir = join(tempDir(t), 'state')
  mkdirSync(dir)
  toOther(dir)
  const options = { faults: [], strict: true }
  assert.equal(judgeFolder(dir, options).refused.length, 1)
  assert.equal(judgeFolder(dir, { ...options, user: NOBODY }).refused.length, 0)
})

test('doctor checks that the state folder of a stopped service belongs to the user of the service', async (t) => {
  const dir = tempDir(t)
  const state = join(dir, 'state')
  mkdirSync(state, { mode: 0o700 })
  toOther(state)
  const modes = async (service: object) => {
    const env = shellWithClaude(dir)
    const connected = await connectDaemon({ env, stateDir: state })
    const chosen = { ...connected.chosen, ...service }
    const findings = await examine({ stateDir: state }, env, { ...connected, chosen })
    return findings.flatMap(({ check, remedy }) => (check === 'modes' ? remedy : []))
  }
  assert.deepEqual(await modes({ service: { manager: 'systemd', name: 'fomular-daemon' } }), [])
  assert.match((await modes({})).join(), /chown 0/)
})
