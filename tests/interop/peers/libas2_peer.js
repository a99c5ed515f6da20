/* A partner made of libas2: reads what we send and answers with its receipt; writes messages and reads our receipts.
 *
 * Runs in libas2's own folder and knows nothing of ours but the line protocol (line.py): one line asks, one answers.
 */
'use strict'

const readline = require('readline')
const { createRequire } = require('module')
const path = require('path')

const installed = createRequire(path.join(process.cwd(), 'package.json'))
const { AS2Composer, AS2Crypto, AS2MimeNode, AS2Parser } = installed('libas2')
const asn1js = installed('asn1js')
const pkijs = installed('pkijs/build/index')
const { Crypto } = installed('@peculiar/webcrypto')

let agreement
let terms

/** The header block and the body of a node, byte for byte: libas2's own `buildObject` passes both through UTF-8. */
async function cut (node) {
  const built = await node.build()
  const end = built.indexOf('\r\n\r\n')
  return { headers: built.subarray(0, end + 2), body: built.subarray(end + 4) }
}

async function agree (fields) {
  terms = Object.fromEntries(Object.entries(fields).map(([name, value]) => [name, value.toString()]))
  const mdn = { async: terms.mdn === 'ASYNC', signing: terms.digest }
  agreement = {
    host: {
      name: terms.name, id: terms.name, url: terms.url, certificate: terms.sign_cert, privateKey: terms.sign_key,
      decrypt: true, sign: terms.digest, mdn
    },
    partner: {
      name: terms.partner, id: terms.partner, url: terms.url, file: 'XML', certificate: terms.partner_encrypt,
      encrypt: terms.content, verify: true, mdn
    }
  }
  return {}
}

/** What libas2 needs to read: its own key for decryption, our certificate for signatures. */
function reading () {
  const host = { ...agreement.host, certificate: terms.encrypt_cert, privateKey: terms.encrypt_key }
  const partner = { ...agreement.partner, certificate: terms.partner_sign, mdn: undefined }
  return { host, partner }
}

/** What a part holds, or its parts one after the other. */
function contents (node) {
  if (!node) return Buffer.alloc(0)
  return node.content ? Buffer.from(node.content) : Buffer.concat(node.childNodes.map(contents))
}

async function receive (fields) {
  const node = await AS2Parser.parse(Buffer.concat([fields.headers, Buffer.from('\r\n'), fields.body]))
  const answer = await node.dispositionOut({ agreement: reading() })
  // libas2 has one key for decryption and for signing; ours are two, so the receipt is signed in a step of its own.
  const signed = await answer.disposition.toMimeNode().sign({
    cert: terms.sign_cert, key: terms.sign_key, algorithm: terms.digest
  })
  signed.setHeader([
    { key: 'AS2-From', value: terms.name }, { key: 'AS2-To', value: terms.partner }, { key: 'AS2-Version', value: '1.2' }
  ])
  signed.messageId(true)
  const { processed, description } = answer.disposition.notification.disposition
  return {
    ...await cut(signed),
    status: Buffer.from(processed ? 'processed' : 'failed'),
    error: Buffer.from(description ? description.text : ''),
    content: contents(answer.contentNode),
    url: Buffer.from(String(node.getHeader('Receipt-Delivery-Option') || ''))
  }
}

/** EnvelopedData by pkijs, libas2's own library, with the OAEP hash that we take; libas2 leaves SHA-512 there. */
async function envelope (octets, hash) {
  const webcrypto = new Crypto()
  const engine = new pkijs.CryptoEngine({ name: 'peer', crypto: webcrypto, subtle: webcrypto.subtle })
  pkijs.setEngine('peer', webcrypto, engine)
  const pem = Buffer.from(terms.partner_encrypt.replace(/-----[^-]+-----|\s/gu, ''), 'base64')
  const certificate = new pkijs.Certificate({ schema: asn1js.fromBER(new Uint8Array(pem).buffer).result })
  const enveloped = new pkijs.EnvelopedData()
  enveloped.addRecipientByCertificate(certificate, { oaepHashAlgorithm: hash })
  const length = Number(/\d+/u.exec(terms.content)[0])
  await enveloped.encrypt({ name: 'AES-CBC', length }, new Uint8Array(octets).buffer)
  const info = new pkijs.ContentInfo({ contentType: '1.2.840.113549.1.7.3', content: enveloped.toSchema() })
  return Buffer.from(info.toSchema().toBER())
}

async function send (fields) {
  const message = { filename: 'nachricht.xml', contentType: 'application/xml', content: fields.content }
  const encrypt = terms.oaep ? false : terms.content
  const composer = new AS2Composer({ message, agreement: { ...agreement, partner: { ...agreement.partner, encrypt } } })
  let node = await composer.compile()
  if (terms.oaep) {
    const headers = node._headers.filter(header => !header.key.toLowerCase().startsWith('content-'))
    const sealed = await envelope(await node.build(), terms.oaep)
    node = new AS2MimeNode({ filename: 'smime.p7m', contentType: 'application/pkcs7-mime; smime-type=enveloped-data' })
    node.setContent(sealed)
    node.setHeader(headers.map(({ key, value }) => ({ key, value })))
  }
  const message_id = Buffer.from(node.messageId())
  return { ...await cut(node), message_id }
}

async function receipt (fields) {
  const node = await AS2Parser.parse(Buffer.concat([fields.headers, Buffer.from('\r\n'), fields.body]))
  const { notification } = await node.dispositionIn({ cert: terms.partner_sign })
  const { disposition, receivedContentMic, originalMessageId } = notification
  const { type, text } = disposition.description || {}
  const status = disposition.processed ? 'processed' : 'failed'
  return {
    status: Buffer.from(type ? `${status}/${type}` : status),
    detail: Buffer.from(text || ''),
    mic: Buffer.from(receivedContentMic ? receivedContentMic.mic : ''),
    message_id: Buffer.from(originalMessageId)
  }
}

async function compress (fields) {
  await AS2Crypto.compress(new AS2MimeNode({ contentType: 'application/xml', content: fields.content }))
  return {}
}

const COMMANDS = { agree, receive, send, receipt, compress }

async function main () {
  for await (const line of readline.createInterface({ input: process.stdin })) {
    const [command, ...pairs] = line.trim().split(/\s+/u)
    const fields = {}
    for (const pair of pairs) {
      const at = pair.indexOf('=')
      fields[pair.slice(0, at)] = Buffer.from(pair.slice(at + 1), 'base64')
    }
    let word = 'ok'
    let answer
    try {
      answer = await COMMANDS[command](fields)
    } catch (error) {
      // pkijs rejects with plain text and with objects of its own.
      const reason = error instanceof Error ? error.message : JSON.stringify(error)
      process.stderr.write(`${error instanceof Error ? error.stack : reason}\n`)
      word = 'refused'
      answer = { reason: Buffer.from(reason) }
    }
    const written = Object.entries(answer).map(([name, value]) => `${name}=${Buffer.from(value).toString('base64')}`)
    process.stdout.write([word, ...written].join(' ') + '\n')
  }
}

main()
