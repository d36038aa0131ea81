import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { changelog, cut, hasChanges } from '../../../packaging/changelog.ts'

const PAGE = '# Changelog\n\n## Pending\n\n- new\n\n## 0.1.0 (2026-01-02)\n\n- old\n'

describe('the changelog', () => {
  test('the changelog has the changes of a version, or the pending changes if the version has no section yet', () => {
    assert.equal(changelog('0.1.0', PAGE), '# 0.1.0\n\n- old\n')
    assert.equal(changelog('0.2.0', PAGE), '# 0.2.0\n\n- new\n')
  })

  test('`hasChanges` tells whether the changelog lists any change for a release', () => {
    assert.equal(hasChanges(changelog('0.2.0', PAGE)), true)
    assert.equal(hasChanges(changelog('0.2.0', '# Changelog\n\n## Pending\n\n## 0.1.0\n\n- old\n')), false)
  })

  test('the pending section of the changelog is renamed to the version that npm makes', () => {
    const next = cut(PAGE, '0.2.0', '2026-02-03')
    assert.equal(changelog('0.2.0', next), '# 0.2.0\n\n- new\n')
    assert.throws(() => cut(next, '0.3.0', '2026-02-04'), /is empty/)
  })
})
