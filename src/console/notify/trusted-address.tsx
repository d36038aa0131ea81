import { HUB_URL } from '../session/hub-url.ts'

/** Instructions that make a browser trust the address of the hub. */
export function TrustedAddress() {
  return (
    <section aria-label="Trusted addresses">
      <p>
        Browsers permit notifications only at addresses that they trust: https with a trusted certificate, or
        localhost. This page is at <code>{HUB_URL}</code>. There are two ways:
      </p>
      <ul>
        <li>
          <strong>A certificate of a public authority.</strong> An admin gives the hub a name in a domain, and
          a certificate for this name (<code>fomular-daemon hub --tls-cert FILE --tls-key FILE</code>).
          Devices need no setup.
        </li>
        <li>
          <strong>Your own authority.</strong> An admin gives the hub a certificate of this authority, and
          sends the certificate of the authority, not of the hub, to each device. On Android, install it under{' '}
          <em>Settings › Security › Encryption & credentials › Install a certificate › CA certificate</em>. On
          an iPhone or iPad, open the file, install the profile under{' '}
          <em>Settings › General › VPN & Device Management</em>, and turn on full trust under{' '}
          <em>Settings › General › About › Certificate Trust Settings</em>. On a computer, add it to the
          authorities of the browser.
        </li>
      </ul>
      <p>A device does not trust a self-signed certificate, even if a person has permitted the page once.</p>
    </section>
  )
}
