//! A proof that there is no plan in as few and as even prices as still prove it: those that a person can read.

use mesh_solver::NetworkInfeasibility;
use mesh_solver::network::Network;

/// The plainest proof near to `proof`: prices of small weight are left out, and the others made even, as long as what is
/// left is a proof.
pub(super) fn plain(network: &Network, proof: NetworkInfeasibility) -> NetworkInfeasibility {
    let mut sizes = vec![0.0_f64; network.junctions.len()];
    for (member, said) in network.members.iter().zip(&proof.contributions) {
        for (share, price) in member.shares.iter().zip(&said.prices) {
            sizes[share.junction] = sizes[share.junction].max(price.abs());
        }
    }
    let largest = sizes.iter().copied().fold(0.0, f64::max);
    for part in PARTS {
        for even in [true, false] {
            let scale = |junction: usize| match sizes[junction] {
                size if size < part * largest || size == 0.0 => 0.0,
                size if even => 1.0 / size,
                _ => 1.0,
            };
            let pairs = network.members.iter().zip(&proof.contributions);
            let prices = pairs.map(|(member, said)| {
                let shares = member.shares.iter().zip(&said.prices);
                shares.map(|(share, price)| price * scale(share.junction)).collect()
            });
            if let Some(plainer) = NetworkInfeasibility::prove(network, &prices.collect::<Vec<_>>()) {
                return plainer;
            }
        }
    }
    proof
}

/// What is left out, in parts of the largest price: much first.
const PARTS: [f64; 6] = [0.9, 0.5, 0.2, 0.1, 0.03, 0.01];

#[cfg(test)]
mod tests {
    use super::*;
    use mesh_solver::QpProblem;
    use mesh_solver::network::{Junction, Member, Share};

    #[test]
    fn prices_that_prove_nothing_are_left_out() {
        let member = |bounds: (f64, f64)| {
            let (lower, upper) = (vec![bounds.0, -1.0], vec![bounds.1, 1.0]);
            let problem = QpProblem::new(&[], vec![0.0; 2], 0.0, Vec::new(), lower, upper).expect("well formed");
            let shares = (0..2).map(|junction| Share { junction, terms: vec![(junction, 1.0)] }).collect();
            Member { problem, shares }
        };
        // One has to have three, the other two at most; the second junction has nothing to do with it.
        let members = vec![member((3.0, 4.0)), member((0.0, 2.0))];
        let network = Network { members, junctions: vec![Junction::Consensus; 2] };
        let noisy =
            NetworkInfeasibility::prove(&network, &[vec![0.7, 0.01], vec![-0.7, -0.01]]).expect("it is a proof");
        let plain = plain(&network, noisy.clone());
        assert_eq!(plain.contributions[0].prices, [1.0, 0.0]);
        assert_eq!(plain.contributions[1].prices, [-1.0, 0.0]);
        assert!(plain.holds(&network) && plain.excess > noisy.excess);
    }
}
