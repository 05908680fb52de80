"""The estimator `rnet`."""

from pipeline.learn.redshift.scalar_estimator import ScalarEstimator
from pipeline.models import rnet

_ESTIMATOR = ScalarEstimator("rnet", rnet.build)
begin, network, load = _ESTIMATOR.begin, _ESTIMATOR.network, _ESTIMATOR.load
