// What this package has beyond the original, with its types.
import { createConnection } from 'ilp-protocol-stream'
import { pay, resume, readState, settle, PaymentError, PaymentResult, PaymentState, Save } from 'ilp-protocol-stream/payment'
import { Plugin } from 'ilp-protocol-stream/plugin'

export async function payOnce (destinationAccount: string, sharedSecret: Buffer): Promise<string> {
  const plugin: Plugin = new Plugin({ server: 'btp+ws://localhost:7768' })
  const save: Save = async (state: Buffer): Promise<void> => console.log(state.length)
  try {
    const result: PaymentResult = await pay({
      plugin, destinationAccount, sharedSecret, amount: '1000', save, timeout: 1000, exchangeRate: 1, rill: { keepAlive: true }
    })
    return result.sent
  } catch (err) {
    if (err instanceof PaymentError && err.code === 'RILL_ERR_IN_DOUBT') return err.inDoubt
    throw err
  }
}

export async function goOn (state: string | Buffer): Promise<PaymentState> {
  const { delivered }: PaymentResult = await resume({ plugin: new Plugin({ server: 'btp+ws://localhost:7768' }), state, save: 'file' })
  await settle({ state, delivered, save: 'file' })
  const read: PaymentState = await readState('file')
  const complete: boolean = read.complete
  console.log(complete, createConnection)
  return read
}
