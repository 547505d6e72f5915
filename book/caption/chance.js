// Random numbers as torch.Generator draws them on a CPU, so that a seed means the same picture here and in the
// package: the Mersenne Twister MT19937 (M. Matsumoto and T. Nishimura, ACM TOMACS 1998), `randint` and `randn`.
"use strict";

class Generator {
  constructor(seed) { // a BigInt or a number; of its bits the lowest 32 count
    this.state = new Uint32Array(624);
    this.state[0] = Number(BigInt(seed) & 0xffffffffn);
    for (let k = 1; k < 624; k++) {
      const last = this.state[k - 1] ^ (this.state[k - 1] >>> 30);
      this.state[k] = Math.imul(1812433253, last) + k;
    }
    this.next = 624;
  }

  /** 32 random bits. */
  bits() {
    if (this.next === 624) this.twist();
    let y = this.state[this.next++];
    y ^= y >>> 11;
    y ^= (y << 7) & 0x9d2c5680;
    y ^= (y << 15) & 0xefc60000;
    return (y ^ (y >>> 18)) >>> 0;
  }

  twist() {
    const s = this.state;
    for (let k = 0; k < 624; k++) {
      const y = (s[k] & 0x80000000) | (s[(k + 1) % 624] & 0x7fffffff);
      s[k] = s[(k + 397) % 624] ^ (y >>> 1) ^ (y & 1 ? 0x9908b0df : 0);
    }
    this.next = 0;
  }

  /** One of the options at random, or the first where there is no generator: `pick` of scenes.world. */
  static pick(options, generator) {
    return options[generator ? generator.bits() % options.length : 0];
  }

  /** n normal numbers, n a multiple of 16: two uniform ones make two normal ones (Box and Muller 1958), eight apart. */
  normal(n) {
    const values = Float32Array.from({ length: n }, () => (this.bits() & 0xffffff) / 0x1000000);
    for (let start = 0; start < n; start += 16) {
      for (let k = start; k < start + 8; k++) {
        const radius = Math.sqrt(-2 * Math.log(1 - values[k]));
        const angle = 2 * Math.PI * values[k + 8];
        values[k] = radius * Math.cos(angle);
        values[k + 8] = radius * Math.sin(angle);
      }
    }
    return values;
  }
}
