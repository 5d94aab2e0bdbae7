/** The size that was validated. */
export interface ValidatedSize {
  readonly scaled: boolean;
  readonly experts: number;
  readonly topK: number;
  readonly hidden: number;
  readonly intermediate: number;
  readonly ep: number;
  /** Devices that share each expert; absent: a device has experts whole. */
  readonly tp?: number;
  readonly dtype: string;
}
